import type { CacheModuleOptions, CacheRequest } from '../cache.options.js';
import { auditedForm } from '../decorators/audited-form.js';
import type { CachedDefinition } from '../decorators/cached-definition.js';
import { resolvePolicy } from '../decorators/entry-options.js';
import { argumentTags, type TagRules } from '../decorators/tag-rules.js';
import { literal, type Resolve } from '../decorators/tag-template.js';
import { routeKeyText, scopedKeyText } from '../engine/cache-key.js';
import type { EntryPolicy } from '../engine/entry-policy.js';
import { Subject } from '../engine/subject.js';
import { prefixTags } from '../engine/tags.js';
import { fromRouteArguments, type DeclaredInput } from './declared-inputs.js';
import { RouteHeaders } from './route-headers.js';
import { compileKeyText, pathOf } from './route-key.js';
import { pathParameters, staticHeaders } from './route-metadata.js';

/** What is known of a route beside its own decorator. */
interface RouteFacts {
  readonly inputs: readonly DeclaredInput[];
  readonly controller: { readonly name: string };
  readonly name: string | symbol;
  readonly method: object;
  /** Whether any guard stands before it. */
  readonly isGuarded: boolean;
  /** Whether other controllers inherit the same method: their answers may differ, and their paths need not. */
  readonly isShared: boolean;
}

/** Everything about a cached route that is known at boot, so that a request costs only lookups. */
export class RoutePlan {
  readonly headers: RouteHeaders;
  readonly #options: CacheModuleOptions;
  readonly #policy: EntryPolicy;
  readonly #keyText: (request: CacheRequest) => string;
  readonly #inputs: ReadonlyMap<string, DeclaredInput['read']>;
  readonly #parameters: readonly (readonly string[])[];
  readonly #fromArguments: (args: readonly unknown[]) => Resolve;
  #convertsTags = false;

  constructor(
    readonly definition: CachedDefinition,
    options: CacheModuleOptions,
    { inputs, controller, name, method, isGuarded, isShared }: RouteFacts,
  ) {
    const { prefix, key, scope = 'shared', answers, policy, audit } = definition;
    this.#options = options;
    this.#policy = {
      ...resolvePolicy(options, policy),
      audited: auditedForm(audit, (body) => JSON.parse(body)),
    };
    const keyText: (request: CacheRequest) => string = key
      ? (request) => routeKeyText(prefix, pathOf(request), key(request))
      : compileKeyText(prefix, inputs);
    this.#keyText = isShared
      ? (request) => scopedKeyText(keyText(request), 'class', controller.name)
      : keyText;
    this.#inputs = new Map(inputs.map(({ name, read }) => [name, read]));
    this.#parameters = pathParameters(controller, method);
    this.#fromArguments = (args) => fromRouteArguments(controller, name, args);
    const visibility = answers.visibility ?? (isGuarded || scope !== 'shared' ? 'private' : 'public');
    this.headers = new RouteHeaders({
      isPublic: visibility === 'public',
      clientMaxAgeS: answers.clientMaxAgeS,
      graceMs: this.#policy.graceMs,
      compress: options.compress ?? true,
      keyed: inputs.filter(({ isHeader }) => isHeader).map(({ name }) => name),
      stored: answers.storedHeaders,
      fixed: staticHeaders(method),
    });
  }

  /** What a request asks the cache for; `undefined` where nobody can be named whose answer it would be. */
  subject(request: CacheRequest): Subject | undefined {
    const keyText = this.#scoped(this.#keyText(request), request);
    if (keyText === undefined) return undefined;
    const { prefix, shape, rules } = this.definition;
    return new Subject({
      prefix,
      keyText,
      shape,
      policy: this.#policy,
      hasResultTags: this.#convertsTags || rules.functions.length > 0,
      tags: () => this.#tags(request),
    });
  }

  /** Whether the client wants a new answer, and may have one made. */
  isRenewal(request: CacheRequest): boolean {
    const { mayBypass } = this.definition.answers;
    if (!mayBypass || !asksAnew(request.headers['cache-control'])) return false;
    try {
      return mayBypass(request);
    } catch {
      return false;
    }
  }

  /** Whether a header that the handler sets is stored with the answer. */
  storesHeader(name: string): boolean {
    return this.definition.answers.storedHeaders.includes(name);
  }

  /**
   * Further tags of a call of the handler, whose arguments pipes may have made of the inputs: a write names them by what
   * its own arguments are. That there are any is known from the first on; that one is not stored.
   *
   * @throws what {@link argumentTags} throws
   */
  convertedTags(request: CacheRequest, args: readonly unknown[]): string[] {
    // It may not have come to the handler.
    if (args.length === 0) return [];
    const resolve = this.#fromArguments(args);
    const known = this.#tags(request);
    const leading = this.#leadingTags((name) => literal(resolve(name)) ?? request.params[name]);
    const named = [...leading, ...argumentTags(this.definition.rules, resolve)];
    const further = named.filter((tag) => !known.includes(tag));
    this.#convertsTags ||= further.length > 0;
    return further;
  }

  #tags(request: CacheRequest): string[] {
    const leading = this.#leadingTags((name) => request.params[name]);
    return [...leading, ...this.#namedTags(this.definition.rules, request)];
  }

  /** Of each path as far as the request has its parameters, for nobody says which path it is. */
  #leadingTags(valueOf: (parameter: string) => string | undefined): string[] {
    const tags = this.#parameters.flatMap((names) => {
      const values = names.map(valueOf);
      const end = values.indexOf(undefined);
      return prefixTags(this.definition.prefix, (end === -1 ? values : values.slice(0, end)) as string[]);
    });
    return [...new Set(tags)];
  }

  #namedTags(rules: TagRules, request: CacheRequest): string[] {
    try {
      return argumentTags(rules, (name) => this.#inputs.get(name)?.(request));
    } catch {
      // What cannot be named of the arguments either is not stored.
      return [];
    }
  }

  #scoped(text: string, request: CacheRequest): string | undefined {
    const { scope } = this.definition;
    if (scope !== 'user' && scope !== 'tenant') return text;
    const { principal, tenant } = this.#options;
    const id = scope === 'user' ? principal?.(request) : tenant?.(request);
    return id ? scopedKeyText(text, scope, id) : undefined;
  }
}

/** @see RFC 9111 section 5.2.1.4 */
function asksAnew(cacheControl: string | string[] | undefined): boolean {
  return [cacheControl ?? []].flat().some((value) => /(?:^|[\s,])no-cache(?:[\s,]|$)/i.test(value));
}
