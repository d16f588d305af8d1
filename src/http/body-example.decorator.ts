import { ApiBody } from '@nestjs/swagger';

/**
 * The body that a form for trying out a route is filled with. The examples of all fields would not do: optional fields need
 * not go together, and their moments lie before what is under way.
 *
 * @param value  a body that is valid with the demo data, and does no harm to what the demo shows
 */
export const BodyExample = <Dto extends object>(type: new () => Dto, value: Dto) =>
  ApiBody({ type, examples: { 'with the demo data': { value } } });
