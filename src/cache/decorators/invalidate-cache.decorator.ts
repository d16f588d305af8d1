import type { TagSource } from './tag-source.js';

type AnyMethod = (...args: never[]) => unknown;

export function InvalidateCache<M extends AnyMethod>(
  _pattern: TagSource<M> | readonly TagSource<M>[],
): MethodDecorator {
  return () => undefined;
}
