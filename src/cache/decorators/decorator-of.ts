import type { AnyMethod } from '../definition/tag-rules.js';

/**
 * The type of a decorator: if a method's type was given, the compiler accepts it only above a method that is assignable to
 * that; else above any method, and in Nest's `applyDecorators`.
 */
export type DecoratorOf<M extends AnyMethod> = [never[], unknown] extends [Parameters<M>, ReturnType<M>]
  ? MethodDecorator
  : <N extends M>(target: object, name: string | symbol, descriptor: TypedPropertyDescriptor<N>) => void;
