import type { FastifyReply, FastifyRequest } from 'fastify';
import { Histogram, type HistogramCounts } from '../cache/index.js';

const BOUNDS_MS = [1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000];
/** Those that routes have; Node reads some thirty others. */
const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);
/** As proxies log it. */
const CLIENT_GONE = 499;

interface RequestsOfRoute {
  readonly method: string;
  /** The pattern that the path fits, such as `/api/v3/users/:user_id`; `unknown` for all that fit none */
  readonly route: string;
  readonly status: number;
  readonly durationMs: HistogramCounts;
}

/**
 * How long requests take, whoever answers them. Each costs a moment, as hits of the cache are among them: the metrics are made
 * when somebody reads them.
 */
export class RequestDurations {
  readonly #byRoute = new Map<string, Map<string, Map<number, Histogram>>>();

  /** @param now  monotonic, ms */
  constructor(private readonly now: () => number = () => performance.now()) {}

  /** Since the start, one for each route, method and status that there was; no more than the routes allow. */
  get counts(): readonly RequestsOfRoute[] {
    return [...this.#byRoute].flatMap(([route, byMethod]) =>
      [...byMethod].flatMap(([method, byStatus]) =>
        [...byStatus].map(([status, durations]) => ({ method, route, status, durationMs: durations.read() })),
      ),
    );
  }

  /** Counts the request once its answer is out, or its connection has ended before that. */
  measure(request: FastifyRequest, { raw }: FastifyReply): void {
    const startedAtMs = this.now();
    raw.on('close', () => {
      const status = raw.writableFinished ? raw.statusCode : CLIENT_GONE;
      this.#of(request, status).observe(this.now() - startedAtMs);
    });
  }

  #of({ method, routeOptions: { url = '*' } }: FastifyRequest, status: number): Histogram {
    // The route for preflights is called so, and fits every path.
    const byMethod = existing(
      this.#byRoute,
      url === '*' ? 'unknown' : url,
      () => new Map<string, Map<number, Histogram>>(),
    );
    const byStatus = existing(
      byMethod,
      METHODS.has(method) ? method : 'other',
      () => new Map<number, Histogram>(),
    );
    return existing(byStatus, status, () => new Histogram(BOUNDS_MS));
  }
}

function existing<Key, Value>(map: Map<Key, Value>, key: Key, made: () => Value): Value {
  const known = map.get(key);
  if (known !== undefined) return known;
  const value = made();
  map.set(key, value);
  return value;
}
