/** Anything with headers: a `Response` of `fetch`, an answer of supertest, or one of Fastify's `inject`. */
export interface AnswerWithHeaders {
  readonly headers:
    | { get(name: string): string | null }
    | Readonly<Record<string, string | number | string[] | undefined>>;
}

type Outcome = 'HIT' | 'MISS' | 'STALE' | 'BYPASS';

/**
 * The answer came from the cache, and was good.
 *
 * @throws {Error} that says what `Cache-Status` said instead
 */
export function expectHit(answer: AnswerWithHeaders): void {
  expectOutcome(answer, 'HIT', expectHit);
}

/**
 * The answer was made now, by this request or by one that it waited for.
 *
 * @throws {Error} that says what `Cache-Status` said instead
 */
export function expectMiss(answer: AnswerWithHeaders): void {
  expectOutcome(answer, 'MISS', expectMiss);
}

/**
 * The answer came from the cache although its time was over.
 *
 * @throws {Error} that says what `Cache-Status` said instead
 */
export function expectStale(answer: AnswerWithHeaders): void {
  expectOutcome(answer, 'STALE', expectStale);
}

/**
 * The answer was made now, past the cache.
 *
 * @throws {Error} that says what `Cache-Status` said instead
 */
export function expectBypass(answer: AnswerWithHeaders): void {
  expectOutcome(answer, 'BYPASS', expectBypass);
}

/** @param check  the function that was called, to begin the stack above it */
function expectOutcome(answer: AnswerWithHeaders, expected: Outcome, check: typeof expectHit): void {
  const cacheStatus = header(answer, 'cache-status');
  const xCache = header(answer, 'x-cache');
  const outcome = cacheStatus === undefined ? undefined : outcomeOf(cacheStatus);
  if (outcome === expected && xCache === expected) return;
  const error = new Error(`Expected ${expected}, but ${said(cacheStatus, xCache, outcome)}`);
  Error.captureStackTrace(error, check);
  throw error;
}

/** @see RFC 9211 section 2: the first member of the list is of the cache next to the origin, which is this one */
function outcomeOf(cacheStatus: string): Outcome | undefined {
  const [ours = ''] = cacheStatus.split(',');
  const parameters = new Map(
    ours.split(';').map((parameter) => {
      const [name = '', value = ''] = parameter.trim().split('=');
      return [name, value];
    }),
  );
  if (Number(parameters.get('ttl') ?? 0) < 0) return 'STALE';
  if (parameters.has('hit')) return 'HIT';
  if (!parameters.has('fwd')) return undefined;
  return parameters.get('fwd') === 'bypass' ? 'BYPASS' : 'MISS';
}

function said(cacheStatus: string | undefined, xCache: string | undefined, outcome?: Outcome): string {
  if (cacheStatus === undefined) {
    return 'the answer has no Cache-Status: either its route is not cached, or a guard refused the request.';
  }
  if (outcome === xCache) return `Cache-Status said "${cacheStatus}".`;
  return `Cache-Status said "${cacheStatus}" and X-Cache "${xCache ?? ''}".`;
}

function header({ headers }: AnswerWithHeaders, name: string): string | undefined {
  if (isHeaders(headers)) return headers.get(name) ?? undefined;
  return headers[name] === undefined ? undefined : String(headers[name]);
}

function isHeaders(headers: AnswerWithHeaders['headers']): headers is { get(name: string): string | null } {
  return typeof headers.get === 'function';
}
