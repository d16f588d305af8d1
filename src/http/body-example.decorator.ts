import { ApiBody } from '@nestjs/swagger';

/**
 * What a form for trying out a route is filled with, instead of the examples of all fields: those that may be left out need not go
 * together, and moments lie before what is under way.
 *
 * @param type   of the body
 * @param value  one that fits, and does no harm to what the demo shows
 */
export const BodyExample = <Dto extends object>(type: new () => Dto, value: Dto) =>
  ApiBody({ type, examples: { 'with the demo data': { value } } });
