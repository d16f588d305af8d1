import { auditedForm } from '../definition/audited-form.js';
import type { CacheRequest } from '../definition/cache-request.js';
import type { CachedDefinition } from '../definition/cached-definition.js';
import { dependencies, type TagRules } from '../definition/tag-rules.js';
import { literal, type Resolve } from '../definition/tag-template.js';
import { errorName } from '../engine/cache-errors.js';
import type { EmitCacheEvent } from '../engine/cache-events.js';
import { routeKeyText, scopedKeyText } from '../engine/cache-key.js';
import type { EntryPolicy } from '../engine/entry-policy.js';
import { Subject } from '../engine/subject.js';
import { prefixTags } from '../engine/tags.js';
import type { ResolvedOptions } from '../resolve-options.js';
import { fromRouteArguments, inputNamed, wholeQuery, type DeclaredInput } from './declared-inputs.js';
import { RouteHeaders } from './route-headers.js';
import { compileKeyText, pathOf } from './route-key.js';
import { staticHeaders } from './route-metadata.js';
import { pathParameters } from './route-paths.js';
import { dropsUndeclared, undeclaredText } from './undeclared-query.js';

/** What is known of a route beside its own decorator. */
interface RouteFacts {
  readonly inputs: readonly DeclaredInput[];
  /** From the root; the first is the usual one. */
  readonly paths: readonly string[];
  /** Those that all arguments meet, in their order. */
  readonly pipes: readonly unknown[];
  /** By which versions of one path are told apart. */
  readonly versionHeaders: readonly string[];
  readonly controller: { readonly name: string };
  readonly name: string | symbol;
  readonly method: object;
  /** Whether any guard stands before it. */
  readonly isGuarded: boolean;
  readonly emit: EmitCacheEvent;
  /** Whether other controllers inherit the same method: their answers may differ, and their paths need not. */
  readonly isInherited: boolean;
}

/** Why a request is answered past the cache: it tells who asks, the route's scope names nobody, or there is no key. */
export type Unshared = 'authorization' | 'nobody-to-share-with' | 'no-key';

/** Everything about a cached route that is known at boot, so that a request costs only lookups. */
export class RoutePlan {
  readonly headers: RouteHeaders;
  readonly #options: ResolvedOptions;
  readonly #emit: EmitCacheEvent;
  readonly #policy: EntryPolicy;
  readonly #keyText: (request: CacheRequest) => string;
  /** Names beside which others may stand in the query and be read. */
  readonly #declaredQuery: ReadonlySet<string> | undefined;
  readonly #inputs: readonly DeclaredInput[];
  readonly #parameters: readonly (readonly string[])[];
  readonly #fromArguments: (args: readonly unknown[]) => Resolve;
  /**
   * Whether the application says that others may have an answer. Where it does not, no guard stands before the route; but a
   * middleware may look at `Authorization`, and nobody can tell: RFC 9111 section 3.5.
   */
  readonly #saysWhoShares: boolean;
  #convertsTags = false;

  constructor(
    readonly definition: CachedDefinition,
    options: ResolvedOptions,
    facts: RouteFacts,
  ) {
    const { prefix, key, scope = 'shared', answers, policy, audit } = definition;
    const { inputs, paths, pipes, controller, name, method, isGuarded, isInherited, emit } = facts;
    this.#options = options;
    this.#emit = emit;
    this.#policy = {
      ...options.policy,
      ...policy,
      audited: auditedForm(audit, (body) => JSON.parse(body)),
    };
    const whole = key ? undefined : wholeQuery(controller, name);
    const isOpen = whole?.taken.some(({ type, pipes: own }) => !dropsUndeclared([...pipes, ...own], type));
    this.#declaredQuery = isOpen ? whole?.names : undefined;
    const keyText: (request: CacheRequest) => string = key
      ? (request) => routeKeyText(prefix, pathOf(request), key(request))
      : compileKeyText(prefix, inputs);
    this.#keyText = isInherited
      ? (request) => scopedKeyText(keyText(request), 'class', controller.name)
      : keyText;
    this.#inputs = inputs;
    this.#parameters = pathParameters(paths);
    this.#fromArguments = (args) => fromRouteArguments(controller, name, args);
    this.#saysWhoShares = definition.scope !== undefined || answers.visibility === 'public';
    const visibility = answers.visibility ?? (isGuarded || scope !== 'shared' ? 'private' : 'public');
    const keyed = [
      ...facts.versionHeaders,
      ...inputs.filter(({ isHeader }) => isHeader).map(({ name }) => name),
    ];
    // Who uses such an answer without asking us must not give it to somebody whom we would have answered otherwise.
    if (!this.#saysWhoShares && answers.clientMaxAgeS !== undefined) keyed.push('authorization');
    this.headers = new RouteHeaders({
      cacheName: options.name,
      isPublic: visibility === 'public',
      clientMaxAgeS: answers.clientMaxAgeS,
      graceMs: this.#policy.graceMs,
      compress: options.compress,
      keyed,
      stored: answers.storedHeaders,
      fixed: staticHeaders(method),
    });
  }

  /** What a request asks the cache for, or why it does not. */
  subject(request: CacheRequest): Subject | Unshared {
    const { prefix, shape, rules, method } = this.definition;
    if (!this.#saysWhoShares && request.headers.authorization !== undefined) {
      this.#emit({ event: 'cache.scope_unknown', method });
      return 'authorization';
    }
    let keyText: string | undefined;
    try {
      this.#checkParameters(request);
      const declared = this.#keyText(request);
      const text = this.#declaredQuery ? declared + undeclaredText(request, this.#declaredQuery) : declared;
      keyText = this.#scoped(text, request);
    } catch (error) {
      this.#emit({ event: 'cache.key_failed', method, reason: errorName(error) });
      return 'no-key';
    }
    if (keyText === undefined) return 'nobody-to-share-with';
    return new Subject({
      prefix,
      keyText,
      shape,
      policy: this.#policy,
      hasResultTags: this.#convertsTags || rules.functions.length > 0,
      tags: () => this.#tags(request),
    });
  }

  /** Whether what an answer depends on cannot be named without a call of the handler. */
  get needsArguments(): boolean {
    const { functions, templates } = this.definition.rules;
    const isNamed = functions.length > 0 || templates.some(({ names }) => names.length > 0);
    return isNamed || this.#parameters.some((names) => names.length > 0);
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

  /** Asks the application whether the method may be run now. @throws what it refuses it with */
  admit(): void {
    this.#options.admission?.();
  }

  /** Whether a header that the handler sets is stored with the answer. */
  storesHeader(name: string): boolean {
    return this.definition.answers.storedHeaders.includes(name);
  }

  /**
   * Further tags of a call of the handler, whose arguments pipes may have made of the inputs: a write names them by what
   * its own arguments are. That there are any is known from the first on; that one is not stored.
   *
   * @param known  those of the request as it came, before a pipe may have changed it
   * @throws what {@link dependencies} throws
   */
  convertedTags(request: CacheRequest, args: readonly unknown[], known: readonly string[]): string[] {
    const resolve = this.#fromArguments(args);
    const leading = this.#leadingTags((name) => literal(resolve(name)) ?? request.params[name]);
    const named = [...leading, ...dependencies(this.definition.rules, resolve)];
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
      const values = names.map(valueOf).filter((value) => value !== undefined);
      return prefixTags(this.definition.prefix, values);
    });
    return [...new Set(tags)];
  }

  /** A guard may have put something else there: what no tag can name, no write would find. */
  #checkParameters({ params }: CacheRequest): void {
    for (const names of this.#parameters) {
      for (const name of names) {
        const value: unknown = params[name];
        if (value !== undefined && typeof value !== 'string') {
          throw new TypeError(`The parameter ${name} of the path is no text any more.`);
        }
      }
    }
  }

  #namedTags(rules: TagRules, request: CacheRequest): string[] {
    try {
      return dependencies(rules, (name) => inputNamed(this.#inputs, name)?.read(request));
    } catch {
      // What cannot be named of the arguments either is not stored.
      return [];
    }
  }

  #scoped(text: string, request: CacheRequest): string | undefined {
    const { scope } = this.definition;
    if (scope !== 'user' && scope !== 'tenant') return text;
    const { principal, tenant } = this.#options;
    const id: unknown = scope === 'user' ? principal?.(request) : tenant?.(request);
    const isNobody = id === undefined || id === null || id === '';
    return isNobody ? undefined : scopedKeyText(text, scope, id);
  }
}

/** @see RFC 9111 section 5.2.1.4 */
function asksAnew(cacheControl: string | string[] | undefined): boolean {
  return [cacheControl ?? []].flat().some((value) => /(?:^|[\s,])no-cache(?:[\s,]|$)/i.test(value));
}
