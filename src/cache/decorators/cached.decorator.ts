import type { Duration, TagSource } from './tag-source.js';

type AnyMethod = (...args: never[]) => unknown;
type Result<M extends AnyMethod> = Awaited<ReturnType<M>>;

export interface CachedOptions<M extends AnyMethod = AnyMethod> {
  ttl: Duration | ((result: Result<M>) => number);
  prefix?: string;
  scope?: 'shared' | 'user' | 'tenant';
  tags?: readonly TagSource<M>[];
  unless?: (result: Result<M>) => boolean;
}

export function Cached<M extends AnyMethod>(_options: Duration | CachedOptions<M>): MethodDecorator {
  return () => undefined;
}
