import type { CacheRequest } from '../definition/cache-request.js';
import { dependencies, plainTagsOf, type TagRules } from '../definition/tag-rules.js';
import { literal, type Resolve } from '../definition/tag-template.js';
import type { FurtherTags } from '../engine/subject.js';
import { prefixTags } from '../engine/tags.js';
import type { DeclaredInput } from './declared-inputs.js';
import { inputNamed } from './route-placeholders.js';

interface RouteTagsOptions {
  readonly prefix: string;
  readonly rules: TagRules;
  readonly inputs: readonly DeclaredInput[];
  /** The parameters of each path, in their order. */
  readonly parameters: readonly (readonly string[])[];
  /** How templates find what they name among the arguments of a call. */
  readonly fromArguments: (args: readonly unknown[]) => Resolve;
}

/** What the answers of a route depend on: by the inputs of a request, and by the arguments that pipes have made of them. */
export class RouteTags implements FurtherTags {
  readonly #options: RouteTagsOptions;
  /** What {@link families} becomes once a pipe was seen to change what templates name: their families belong to them, too. */
  readonly #convertible: readonly string[] | undefined;
  #convertsTags = false;

  constructor(options: RouteTagsOptions) {
    const { rules } = options;
    this.#options = options;
    this.#convertible = rules.functions.length > 0 && !rules.families ? undefined : plainTagsOf(rules);
  }

  /** Whether only a call of the handler can name all that an answer depends on. */
  get needsArguments(): boolean {
    const { rules, parameters } = this.#options;
    const isNamed = rules.functions.length > 0 || rules.templates.some(({ names }) => names.length > 0);
    return isNamed || parameters.some((names) => names.length > 0);
  }

  /** Whether a call may name more than its request does. */
  get mayBeNamed(): boolean {
    return this.#convertsTags || this.#options.rules.functions.length > 0;
  }

  /** The families of those further tags, each as `tag/course`; `undefined` where they may be of any. */
  get families(): readonly string[] | undefined {
    return this.#convertsTags ? this.#convertible : this.#options.rules.families;
  }

  /** @throws {TypeError} where a guard has put something into the path's parameters that no tag can name: no write would find it */
  checkParameters({ params }: CacheRequest): void {
    for (const names of this.#options.parameters) {
      for (const name of names) {
        const value: unknown = params[name];
        if (value !== undefined && typeof value !== 'string') {
          throw new TypeError(`The parameter ${name} of the path is no text any more.`);
        }
      }
    }
  }

  /** What the answer depends on, as far as the request tells before any pipe. */
  ofRequest(request: CacheRequest): string[] {
    const { rules, inputs } = this.#options;
    const leading = this.#leading((name) => request.params[name]);
    try {
      return [...leading, ...dependencies(rules, (name) => inputNamed(inputs, name)?.read(request))];
    } catch {
      // If the arguments cannot name it either, the answer is not stored.
      return leading;
    }
  }

  /**
   * Further tags that a call of the handler names, because pipes have converted its inputs: a write names tags by its converted
   * arguments, too. From the first such call on it is known that there may be any; that call itself is not stored.
   *
   * @param known  those of the request as it came, before a pipe may have changed it
   * @throws what {@link dependencies} throws
   */
  ofCall(request: CacheRequest, args: readonly unknown[], known: readonly string[]): string[] {
    const resolve = this.#options.fromArguments(args);
    const leading = this.#leading((name) => literal(resolve(name)) ?? request.params[name]);
    const named = [...leading, ...dependencies(this.#options.rules, resolve)];
    const further = named.filter((tag) => !known.includes(tag));
    this.#convertsTags ||= further.length > 0;
    return further;
  }

  /** For every path of the route, as far as the request has its parameters: it does not say by which path it came. */
  #leading(valueOf: (parameter: string) => string | undefined): string[] {
    const { prefix, parameters } = this.#options;
    const tags = parameters.flatMap((names) => {
      const values = names.map(valueOf).filter((value) => value !== undefined);
      return prefixTags(prefix, values);
    });
    return [...new Set(tags)];
  }
}
