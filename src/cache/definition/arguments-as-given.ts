import type { TagRules } from './tag-rules.js';

/**
 * The arguments as functions of the decorator are told them when the call is over: a method may empty a list that it was
 * given meanwhile, or change a plain object. What is inside of these, and instances of classes, are the same.
 */
export function argumentsAsGiven({ functions }: TagRules, args: readonly unknown[]): readonly unknown[] {
  if (functions.length === 0) return args;
  return args.map((argument) => {
    if (Array.isArray(argument)) return [...(argument as unknown[])];
    return isPlain(argument) ? { ...argument } : argument;
  });
}

function isPlain(value: unknown): value is object {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
