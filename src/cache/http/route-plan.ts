import type { CacheModuleOptions, CacheRequest } from '../cache.options.js';
import type { CachedDefinition } from '../decorators/cached-definition.js';
import { resolvePolicy } from '../decorators/entry-options.js';
import { argumentTags } from '../decorators/tag-rules.js';
import type { EntryPolicy } from '../engine/entry-policy.js';
import { Subject } from '../engine/subject.js';
import { routeKeyText, scopedKeyText } from '../engine/cache-key.js';
import { prefixTags } from '../engine/tags.js';
import type { DeclaredInput } from './declared-inputs.js';
import type { Reply } from './reply.js';
import { compileKeyText, pathOf } from './route-key.js';
import { pathParameters, staticHeaders } from './route-metadata.js';

/** Everything about a cached route that is known at boot, so that a request costs only lookups. */
export class RoutePlan {
  readonly #policy: EntryPolicy;
  readonly #keyText: (request: CacheRequest) => string;
  readonly #parameters: readonly string[];
  readonly #headers: readonly { name: string; value: string | (() => string) }[];
  readonly #inputs: ReadonlyMap<string, DeclaredInput['read']>;
  /** Value of `Vary`: the headers that the key holds. */
  readonly vary: string | undefined;

  constructor(
    readonly definition: CachedDefinition,
    inputs: readonly DeclaredInput[],
    private readonly options: CacheModuleOptions,
    controller: object,
    method: object,
  ) {
    const { prefix, key, policy } = definition;
    this.#policy = resolvePolicy(options, policy);
    this.#keyText = key
      ? (request) => routeKeyText(prefix, pathOf(request), key(request))
      : compileKeyText(prefix, inputs);
    this.#inputs = new Map(inputs.map(({ name, read }) => [name, read]));
    this.vary =
      inputs
        .filter(({ isHeader }) => isHeader)
        .map(({ name }) => name)
        .join(', ') || undefined;
    this.#parameters = pathParameters(controller, method);
    this.#headers = staticHeaders(method);
  }

  /** What a request asks the cache for; `undefined` where nobody can be named whose answer it would be. */
  subject(request: CacheRequest): Subject | undefined {
    const { prefix, shape, rules } = this.definition;
    const keyText = this.#scoped(this.#keyText(request), request);
    if (keyText === undefined) return undefined;
    const tags = () => [
      ...prefixTags(
        prefix,
        this.#parameters.map((name) => request.params[name] ?? ''),
      ),
      ...argumentTags(rules, (name) => this.#inputs.get(name)?.(request)),
    ];
    return new Subject({
      prefix,
      keyText,
      shape,
      policy: this.#policy,
      hasResultTags: rules.functions.length > 0,
      tags,
    });
  }

  /** A hit never reaches the place where Nest sets what `@Header()` names. */
  setStaticHeaders(reply: Reply): void {
    for (const { name, value } of this.#headers)
      reply.setHeader(name, typeof value === 'function' ? value() : value);
  }

  #scoped(text: string, request: CacheRequest): string | undefined {
    const { scope } = this.definition;
    if (scope !== 'user' && scope !== 'tenant') return text;
    const id = scope === 'user' ? this.options.principal?.(request) : this.options.tenant?.(request);
    return id ? scopedKeyText(text, scope, id) : undefined;
  }
}
