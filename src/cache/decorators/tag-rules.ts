import { plainTag } from '../engine/tags.js';
import { TagTemplate, type Resolve } from './tag-template.js';

export type AnyMethod = (...args: never[]) => unknown;

/** A template such as `course:{course_id}`, or a function of arguments and result that names plain tags. */
export type TagSource<M extends AnyMethod = AnyMethod> =
  string | ((args: Parameters<M>, result: Awaited<ReturnType<M>>) => readonly string[]);

/** Tag sources, sorted by when their tags are known. */
export interface TagRules {
  readonly templates: readonly TagTemplate[];
  readonly functions: readonly ((args: readonly unknown[], result: unknown) => readonly string[])[];
}

export function tagRules(sources: readonly TagSource[], where: string): TagRules {
  return {
    templates: sources
      .filter((source) => typeof source === 'string')
      .map((text) => new TagTemplate(text, where)),
    functions: sources.filter((source) => typeof source === 'function') as unknown as TagRules['functions'],
  };
}

export function argumentTags(rules: TagRules, resolve: Resolve): string[] {
  return rules.templates.map((template) => template.expand(resolve)).filter((tag) => tag !== undefined);
}

export function resultTags(rules: TagRules, args: readonly unknown[], result: unknown): string[] {
  return rules.functions.flatMap((of) => of(args, result)).map(plainTag);
}
