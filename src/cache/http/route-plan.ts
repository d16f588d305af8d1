import { auditedForm } from '../definition/audited-form.js';
import type { CacheRequest } from '../definition/cache-request.js';
import type { CachedDefinition } from '../definition/cached-definition.js';
import { isPersonal } from '../definition/scope.js';
import { errorName } from '../engine/cache-errors.js';
import type { BypassReason, EmitCacheEvent } from '../engine/cache-events.js';
import { routeKeyText, scopedKeyText } from '../engine/cache-key.js';
import { wholeForm, type AuditedForm, type EntryPolicy } from '../engine/entry-policy.js';
import { ignoringRejection } from '../engine/ignoring-rejection.js';
import { Subject } from '../engine/subject.js';
import type { ResolvedOptions } from '../resolve-options.js';
import { wholeQuery, type DeclaredInput } from './declared-inputs.js';
import { isKeptException } from './kept-exception.js';
import { RouteHeaders } from './route-headers.js';
import { compileKeyText, pathOf } from './route-key.js';
import { fixedHeaders } from './route-metadata.js';
import { pathParameters } from './route-paths.js';
import { fromRouteArguments } from './route-placeholders.js';
import { RouteTags } from './route-tags.js';
import { dropsUndeclared, undeclaredText } from './undeclared-query.js';

/** What is known of a route beside its own decorator. */
interface RouteFacts {
  readonly inputs: readonly DeclaredInput[];
  /** From the root; the first is the usual one. */
  readonly paths: readonly string[];
  /** The pipes that all arguments go through, in their order. */
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

/** Everything about a cached route that is known at start, so that a request costs as little as possible. */
export class RoutePlan {
  readonly headers: RouteHeaders;
  readonly tags: RouteTags;
  readonly #options: ResolvedOptions;
  readonly #emit: EmitCacheEvent;
  readonly #shape: string;
  readonly #policy: EntryPolicy;
  readonly #keyText: (request: CacheRequest) => string;
  /** The declared names of the query, where the handler may read others beside them. */
  readonly #declaredQuery: ReadonlySet<string> | undefined;
  /**
   * Whether the decorator says who shares an answer. If it does not, the route has no guard; but a middleware may read
   * `Authorization`, which cannot be seen here: RFC 9111 section 3.5.
   */
  readonly #saysWhoShares: boolean;

  constructor(
    readonly definition: CachedDefinition,
    options: ResolvedOptions,
    facts: RouteFacts,
  ) {
    const { prefix, key, scope = 'shared', answers, policy, audit } = definition;
    const { inputs, paths, pipes, controller, name, method, isGuarded, isInherited, emit } = facts;
    this.#options = options;
    this.#emit = emit;
    // An entry of a version that stored fewer headers lacks some of them.
    const stored = answers.storedHeaders.toSorted().join(',');
    this.#shape = [definition.shape, definition.rules.signature, stored].filter(Boolean).join(' ');
    this.#policy = {
      ...options.policy,
      ...policy,
      audited: answerForm(auditedForm(audit, (body) => JSON.parse(body))),
    };
    const whole = key ? undefined : wholeQuery(controller, name);
    const isOpen = whole?.taken.some(({ type, pipes: own }) => !dropsUndeclared([...pipes, ...own], type));
    this.#declaredQuery = isOpen ? whole?.names : undefined;
    const keyText: (request: CacheRequest) => string = key
      ? (request) => routeKeyText(prefix, pathOf(request), ignoringRejection(key(request)))
      : compileKeyText(prefix, inputs);
    this.#keyText = isInherited
      ? (request) => scopedKeyText(keyText(request), 'class', controller.name)
      : keyText;
    this.tags = new RouteTags({
      prefix,
      rules: definition.rules,
      inputs,
      parameters: pathParameters(paths),
      fromArguments: (args) => fromRouteArguments(controller, name, args),
    });
    this.#saysWhoShares = definition.scope !== undefined || answers.visibility === 'public';
    const visibility = answers.visibility ?? (isGuarded || scope !== 'shared' ? 'private' : 'public');
    const keyed = [
      ...facts.versionHeaders,
      ...inputs.filter(({ isHeader }) => isHeader).map(({ name }) => name),
    ];
    // A cache on the way that does not ask again must not give the answer to somebody whom we would answer otherwise, or
    // whom a guard would refuse.
    const isForWhoAsked = isGuarded ? visibility === 'private' : !this.#saysWhoShares;
    if (isForWhoAsked && answers.clientMaxAgeS !== undefined) keyed.push('authorization');
    this.headers = new RouteHeaders({
      cacheName: options.name,
      isPublic: visibility === 'public',
      clientMaxAgeS: answers.clientMaxAgeS,
      graceMs: this.#policy.graceMs,
      compress: options.compress,
      keyed,
      stored: answers.storedHeaders,
      fixed: fixedHeaders(method),
    });
  }

  /** What a request asks the cache for, or why it goes past the cache. */
  subject(request: CacheRequest): Subject | BypassReason {
    const { prefix, methodName } = this.definition;
    if (!this.#saysWhoShares && request.headers.authorization !== undefined) {
      this.#emit({ event: 'cache.scope_unknown', method: methodName });
      return 'authorization';
    }
    let keyText: string | undefined;
    try {
      this.tags.checkParameters(request);
      const declared = this.#keyText(request);
      const text = this.#declaredQuery ? declared + undeclaredText(request, this.#declaredQuery) : declared;
      keyText = this.#scoped(text, request);
    } catch (error) {
      this.#emit({ event: 'cache.key_failed', method: methodName, reason: errorName(error), error });
      return 'no-key';
    }
    if (keyText === undefined) return 'nobody-to-share-with';
    return new Subject({
      prefix,
      keyText,
      shape: this.#shape,
      policy: this.#policy,
      furtherTags: this.tags,
      tags: () => this.tags.ofRequest(request),
    });
  }

  countBypass(reason: BypassReason): void {
    const { prefix, methodName } = this.definition;
    this.#emit({ event: 'cache.bypass', prefix, method: methodName, reason });
  }

  /** Whether the client asks for a new answer, and may have one. */
  isRenewal(request: CacheRequest): boolean {
    const { mayBypass } = this.definition.answers;
    if (!mayBypass || !asksAnew(request.headers['cache-control'])) return false;
    try {
      const isAllowed: unknown = mayBypass(request);
      // From JavaScript it may be a promise, which is as good as true where nobody looks.
      return ignoringRejection(isAllowed) === true;
    } catch {
      return false;
    }
  }

  /** Asks the application whether the method may be run now. @throws what it refuses it with */
  admit(): true | Promise<true> {
    const admitted: unknown = this.#options.admission?.();
    return admitted instanceof Promise ? admitted.then(() => true) : true;
  }

  /** Whether a header that the handler sets is stored with the answer. */
  storesHeader(name: string): boolean {
    return this.definition.answers.storedHeaders.includes(name);
  }

  #scoped(text: string, request: CacheRequest): string | undefined {
    const { scope } = this.definition;
    if (!isPersonal(scope)) return text;
    const { principal, tenant } = this.#options;
    const id: unknown = ignoringRejection(scope === 'user' ? principal?.(request) : tenant?.(request));
    const isNobody = id === undefined || id === null || id === '';
    return isNobody ? undefined : scopedKeyText(text, scope, id);
  }
}

/** Of a 404 that was kept there is no result to read. */
function answerForm(form: AuditedForm | undefined): AuditedForm | undefined {
  return form && ((kept) => (isKeptException(kept) ? wholeForm : form)(kept));
}

/** @see RFC 9111 section 5.2.1.4 */
function asksAnew(cacheControl: string | string[] | undefined): boolean {
  return [cacheControl ?? []].flat().some((value) => /(?:^|[\s,])no-cache(?:[\s,]|$)/i.test(value));
}
