import type { AnyMethod } from '../definition/tag-rules.js';

/**
 * What a decorator returns: with a method's type said, one that the compiler takes only above a method that may stand for it;
 * else one for any method, which Nest's `applyDecorators` takes, too.
 */
export type DecoratorOf<M extends AnyMethod> = [never[], unknown] extends [Parameters<M>, ReturnType<M>]
  ? MethodDecorator
  : <N extends M>(target: object, name: string | symbol, descriptor: TypedPropertyDescriptor<N>) => void;
