import type { CacheRequest } from '../definition/cache-request.js';
import type { Found } from '../engine/held-entry.js';
import { acceptedCodings, type Coding } from './accept-encoding.js';
import { isKeptException } from './kept-exception.js';
import { onLateCookie } from './late-fields.js';
import type { Reply } from './reply.js';
import type { FixedHeader } from './route-metadata.js';

/** `Cache-Control` of an answer that no cache on the way may give to anybody else, or use without asking. */
const UNKEPT = 'private, no-cache';

/** What happened to an answer, for people and tools that look at it. */
type Outcome = 'HIT' | 'MISS' | 'STALE' | 'BYPASS';

interface RouteHeadersOptions {
  /** For `Cache-Status`. */
  readonly cacheName: string;
  readonly isPublic: boolean;
  /** How old an answer may be that a client uses without asking again, s. */
  readonly clientMaxAgeS: number | undefined;
  readonly graceMs: number;
  /** Whether bodies are also sent compressed. */
  readonly compress: boolean;
  /** Names of the request headers that an answer depends on. */
  readonly keyed: readonly string[];
  /** Names of the headers that are kept with the answer. */
  readonly stored: readonly string[];
  /** What `@Header()` names. */
  readonly fixed: readonly FixedHeader[];
}

/** Those headers of a route's answers that are not stored with them, such as `Cache-Control`; prepared at start where possible. */
export class RouteHeaders {
  readonly #cacheName: string;
  readonly #isPublic: boolean;
  /** `Cache-Control` of an answer that is as good as new, and of a stale one. */
  readonly #fresh: string;
  readonly #stale: string;
  readonly #vary: string;
  readonly #compress: boolean;
  readonly #stored: readonly string[];
  readonly #fixed: readonly FixedHeader[];
  readonly #fixedType: FixedHeader | undefined;
  readonly #fixedNames: ReadonlySet<string>;

  constructor(options: RouteHeadersOptions) {
    const { cacheName, isPublic, clientMaxAgeS, graceMs, compress, keyed, stored, fixed } = options;
    this.#cacheName = cacheName;
    this.#isPublic = isPublic;
    const visibility = isPublic ? 'public' : 'private';
    this.#stale = `${visibility}, no-cache`;
    this.#fresh =
      clientMaxAgeS === undefined ? this.#stale : clientMayKeep(visibility, clientMaxAgeS, graceMs);
    const fixedVary = fixed
      .filter(({ name }) => name === 'vary')
      .map(({ value }) => textOf(value).toLowerCase());
    this.#vary = [...new Set([...(compress ? ['accept-encoding'] : []), ...keyed, ...fixedVary])].join(', ');
    this.#compress = compress;
    this.#stored = stored;
    this.#fixedType = fixed.find(({ name }) => name === 'content-type');
    this.#fixed = fixed.filter(({ name }) => name !== 'vary' && name !== 'content-type');
    this.#fixedNames = new Set(this.#fixed.map(({ name }) => name));
  }

  /**
   * Says what happened, in the customary `X-Cache` and in `Cache-Status`.
   *
   * @param detail        parameters of `Cache-Status` after the cache's name, such as `fwd=miss`
   * @param cacheControl  default: what this cache does not keep, errors included, others must not keep either
   * @see RFC 9211
   */
  announce(reply: Reply, outcome: Outcome, detail: string, cacheControl = UNKEPT): void {
    reply.setHeader('x-cache', outcome);
    this.setCacheStatus(reply, detail);
    // A cookie is for one client: RFC 9111 section 7.3.
    const isPersonal = this.#isPublic && reply.header('set-cookie') !== undefined;
    this.set(reply, 'cache-control', isPersonal ? UNKEPT : cacheControl);
    addVary(reply, this.#vary);
    if (!this.#isPublic || isPersonal || cacheControl === UNKEPT) return;
    onLateCookie(reply, (holder) => {
      const announced = holder.header('cache-control');
      // Something else that was set meanwhile has the last word.
      if (announced === this.#fresh || announced === this.#stale) this.set(holder, 'cache-control', UNKEPT);
    });
  }

  /** Only that header: after a run the others may be the handler's own. @param detail as of {@link announce} */
  setCacheStatus(reply: Reply, detail: string): void {
    reply.setHeader('cache-status', `${this.#cacheName}; ${detail}`);
  }

  /** Before a run, which may set its own `Cache-Control`: takes back the one that was announced. */
  withdrawCacheControl(reply: Reply): void {
    if (!this.#fixedNames.has('cache-control')) reply.removeHeader('cache-control');
  }

  /** After a run that gave nothing to keep: others must not keep its answer either, unless the run itself has allowed it. */
  announceUnkept(reply: Reply): void {
    if (!reply.isSent && reply.header('cache-control') === undefined)
      this.set(reply, 'cache-control', UNKEPT);
  }

  /** The announced answer is not given after all, but a refusal: takes its headers back, and lets nobody keep that. */
  withholdAnswer(reply: Reply): void {
    for (const name of ['age', ...this.#stored]) if (!this.#fixedNames.has(name)) reply.removeHeader(name);
    this.setFixedType(reply);
    // Even if the route sets its own by `@Header()`: that is about its answers, and this is none.
    reply.setHeader('cache-control', UNKEPT);
  }

  /** @param detail as of {@link announce} */
  announceNew(reply: Reply, outcome: Outcome, detail: string): void {
    this.announce(reply, outcome, detail, this.#fresh);
  }

  /** For a hit. If a kept exception is given, clients must not keep that. */
  announceHit(reply: Reply, { entry, ageMs, freshForMs }: Found): void {
    const cacheControl = isKeptException(entry) ? UNKEPT : this.#fresh;
    this.announce(reply, 'HIT', `hit; ttl=${Math.round(freshForMs / 1000)}`, cacheControl);
    reply.setHeader('age', String(Math.floor(ageMs / 1000)));
  }

  /**
   * @param waitedMs     since the entry was found
   * @param isForwarded  whether the method was asked for a new one
   */
  announceStale(reply: Reply, { ageMs, freshForMs }: Found, waitedMs: number, isForwarded: boolean): void {
    // At least -1: the sign is what says that it is stale. RFC 9211 section 2.4.
    const ttl = Math.min(-1, Math.floor((freshForMs - waitedMs) / 1000));
    this.announce(reply, 'STALE', `${isForwarded ? 'fwd=stale' : 'hit'}; ttl=${ttl}`, this.#stale);
    reply.setHeader('age', String(Math.floor((ageMs + waitedMs) / 1000)));
  }

  /** Sets a header, unless `@Header()` has the last word on it. */
  set(reply: Reply, name: string, value: string): void {
    if (!this.#fixedNames.has(name)) reply.setHeader(name, value);
  }

  /** Sets a header that was stored with an answer, if the route stores headers of that name: others may write to the store. */
  setStored(reply: Reply, name: string, value: string): void {
    if (this.#stored.includes(name)) this.set(reply, name, value);
  }

  /** The `Content-Type` that `@Header()` names. */
  get fixedType(): string | undefined {
    return this.#fixedType && textOf(this.#fixedType.value);
  }

  /** Names the character set that bodies are in: both adapters complete a type without one, and Express replaces another. */
  setType(reply: Reply, type: string): void {
    this.setFixedType(reply);
    // What is no media type, such as `json`, Express completes, and Fastify takes for none.
    const fixed = this.#fixedType && String(reply.header('content-type'));
    reply.setHeader('content-type', fixed?.includes('/') ? inUtf8(fixed) : type);
  }

  /** Before an exception on a hit: filters find the type that they find after a run. */
  setFixedType(reply: Reply): void {
    const { fixedType } = this;
    if (fixedType !== undefined) reply.setType(fixedType);
  }

  /** A hit never reaches the place where Nest sets what `@Header()` names. */
  setFixed(reply: Reply): void {
    for (const { name, value } of this.#fixed) reply.setHeader(name, textOf(value));
  }

  /** The codings in which this client may be answered, best first. */
  codings(request: CacheRequest): readonly Coding[] {
    return acceptedCodings(this.#compress ? request.headers['accept-encoding'] : undefined);
  }
}

/** @see RFC 9111 section 5.2.2.1, RFC 5861 section 3 */
function clientMayKeep(visibility: string, maxAgeS: number, graceMs: number): string {
  const kept = `${visibility}, max-age=${maxAgeS}`;
  return graceMs >= 1000 ? `${kept}, stale-while-revalidate=${Math.floor(graceMs / 1000)}` : kept;
}

function inUtf8(type: string): string {
  const charset = /;\s*charset=[^;]*/i;
  return charset.test(type) ? type.replace(charset, '; charset=utf-8') : `${type}; charset=utf-8`;
}

function textOf(value: FixedHeader['value']): string {
  return typeof value === 'function' ? value() : value;
}

/** Adds to a `Vary` that is there already, such as that of a CORS layer. */
function addVary(reply: Reply, names: string): void {
  const present = reply.header('vary') as string | string[] | undefined;
  if (names !== '') reply.setHeader('vary', present === undefined ? names : merged(String(present), names));
}

function merged(present: string, names: string): string {
  if (present.trim() === '*') return present;
  const listed = new Set(present.split(',').map((name) => name.trim().toLowerCase()));
  return [present, ...names.split(', ').filter((name) => !listed.has(name))].join(', ');
}
