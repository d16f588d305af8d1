import type { TagRules } from './tag-rules.js';

/**
 * Copies the arguments for the functions of a decorator, which are called after the method: that may empty a list it was
 * given, or change a plain object. The copy is shallow, and instances of classes are not copied.
 */
export function argumentsAsGiven({ functions }: TagRules, args: readonly unknown[]): readonly unknown[] {
  return functions.length === 0 ? args : args.map(asGiven);
}

function asGiven(argument: unknown): unknown {
  if (typeof argument !== 'object' || argument === null) return argument;
  const prototype = Object.getPrototypeOf(argument) as object | null;
  try {
    if (prototype === Array.prototype) return [...(argument as unknown[])];
    // Parsed queries have no prototype, or an empty one.
    return prototype === null || Object.getPrototypeOf(prototype) === null ? { ...argument } : argument;
  } catch {
    // A getter threw.
    return argument;
  }
}
