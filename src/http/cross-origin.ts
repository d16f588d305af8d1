import type { IncomingHttpHeaders } from 'node:http';

/** Header fields of our answers that a page may read only if it is told so (Fetch, 3.3.2). */
const exposedHeaders = [
  'Age',
  'Allow',
  'Cache-Status',
  'ETag',
  'Idempotency-Replayed',
  'Link',
  'Location',
  'RateLimit',
  'RateLimit-Policy',
  'Retry-After',
  'WWW-Authenticate',
  'X-Cache',
  'X-Cache-Invalidation',
  'X-Request-Id',
];

/** How long a browser need not ask again: what it may do changes only with a restart. */
const PREFLIGHT_SECONDS = 600;

/** Lets pages of `origins` do what any client can, except send credentials that the browser keeps. */
export function crossOrigin(origins: readonly string[]) {
  return {
    origin: [...origins],
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
    exposedHeaders,
    maxAge: PREFLIGHT_SECONDS,
    // Else the plugin would answer an OPTIONS request that is no preflight with a 400 of its own.
    strictPreflight: false,
  };
}

/** The header fields that {@link crossOrigin} adds, for an answer that no hook sees. */
export function crossOriginFields(
  origins: readonly string[],
  { origin }: IncomingHttpHeaders,
): Record<string, string> {
  if (origins.length === 0) return {};
  return {
    vary: 'Origin',
    'access-control-expose-headers': exposedHeaders.join(', '),
    ...(origin !== undefined && origins.includes(origin) ? { 'access-control-allow-origin': origin } : {}),
  };
}
