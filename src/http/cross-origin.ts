import type { IncomingHttpHeaders } from 'node:http';

/** Of the fields that answers carry, those that a page may not read unless it is told so (Fetch, 3.3.2). */
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

/** How long a browser need not ask again; what may be asked from where changes with a restart only. */
const PREFLIGHT_SECONDS = 600;

/** Lets pages of `origins` do what any client can, but for sending credentials that the browser keeps. */
export function crossOrigin(origins: readonly string[]) {
  return {
    origin: [...origins],
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
    exposedHeaders,
    maxAge: PREFLIGHT_SECONDS,
    // Else it answers what is no preflight of a browser with a 400 of its own.
    strictPreflight: false,
  };
}

/** What {@link crossOrigin} has an answer carry, for one that no hook ever sees. */
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
