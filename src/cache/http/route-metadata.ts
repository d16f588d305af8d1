import { RequestMethod } from '@nestjs/common';

/** Whether a method answers HTTP requests. Known only once all its decorators have run. */
export function isRoute(method: object): boolean {
  return Reflect.hasMetadata('path', method) && Reflect.hasMetadata('method', method);
}

export function isGet(method: object): boolean {
  return Reflect.getMetadata('method', method) === RequestMethod.GET;
}

/** A header that `@Header()` fixes for every answer of a route. */
export interface FixedHeader {
  /** In lower case. */
  readonly name: string;
  readonly value: string | (() => string);
}

export function fixedHeaders(method: object): FixedHeader[] {
  const headers = (Reflect.getMetadata('__headers__', method) ?? []) as FixedHeader[];
  return headers.map(({ name, value }) => ({ name: name.toLowerCase(), value }));
}

/** Why answers of this route have no stored form, or `undefined`. */
export function uncacheable(method: object): string | undefined {
  if (!isGet(method)) return 'it does not answer GET';
  const status = Reflect.getMetadata('__httpCode__', method) as number | undefined;
  if (status !== undefined && status !== 200) return `it answers with status ${status}`;
  const special = ['__redirect__', '__renderTemplate__', '__sse__'].find((key) =>
    Reflect.hasMetadata(key, method),
  );
  return special && 'it redirects, renders or streams';
}
