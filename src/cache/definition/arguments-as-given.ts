import type { TagRules } from './tag-rules.js';

/**
 * The arguments as functions of the decorator are told them when the call is over: a method may empty a list that it was
 * given meanwhile, or change a plain object. What is inside of these, and instances of classes, are the same.
 */
export function argumentsAsGiven({ functions }: TagRules, args: readonly unknown[]): readonly unknown[] {
  return functions.length === 0 ? args : args.map(asGiven);
}

function asGiven(argument: unknown): unknown {
  if (typeof argument !== 'object' || argument === null) return argument;
  const prototype = Object.getPrototypeOf(argument) as object | null;
  try {
    if (prototype === Array.prototype) return [...(argument as unknown[])];
    // Also without a prototype, or with an empty one, as queries are.
    return prototype === null || Object.getPrototypeOf(prototype) === null ? { ...argument } : argument;
  } catch {
    // A getter of it threw.
    return argument;
  }
}
