import { SpanStatusCode, trace, type Attributes, type Tracer as SpanTracer } from '@opentelemetry/api';
import type { CacheModuleEvent, Tracer } from '../cache/index.js';

const SCOPE = 'ai-native-backend/cache';

/**
 * Makes spans `cache.load` and `cache.invalidate` for the OpenTelemetry SDK that the process was started with; without one,
 * none. Attributes name prefixes, counts and kinds of errors, never a key or an exception's text.
 */
export const tracing: Tracer = {
  load: (prefix, reason, run) => {
    const tracer = registeredTracer();
    if (!tracer) return run();
    return inSpan(tracer, 'cache.load', { 'cache.prefix': prefix, 'cache.outcome': reason }, run);
  },
  invalidate: (tags, run) => {
    const tracer = registeredTracer();
    return tracer ? inSpan(tracer, 'cache.invalidate', { 'cache.tag_count': tags.length }, run) : run();
  },
};

/** Adds the outcome of lookups to the span of the request: a span for each would cost more than a hit. */
export function traceCacheEvent(event: CacheModuleEvent): void {
  switch (event.event) {
    case 'cache.hit':
    case 'cache.miss':
    case 'cache.fallback':
    case 'cache.coalesced':
    case 'cache.stale_served':
      trace.getActiveSpan()?.addEvent(event.event, { 'cache.prefix': event.subject.prefix });
      break;
    default:
      break;
  }
}

/** `undefined` without an SDK. The API gives a tracer even then; only its proxy knows whether there is a real one. */
function registeredTracer(): SpanTracer | undefined {
  const provider: {
    getTracer: (scope: string) => SpanTracer;
    getDelegateTracer?: (scope: string) => SpanTracer | undefined;
  } = trace.getTracerProvider();
  return provider.getDelegateTracer ? provider.getDelegateTracer(SCOPE) : provider.getTracer(SCOPE);
}

function inSpan<T>(
  tracer: SpanTracer,
  name: string,
  attributes: Attributes,
  run: () => Promise<T>,
): Promise<T> {
  return tracer.startActiveSpan(name, { attributes }, async (span) => {
    try {
      return await run();
    } catch (error) {
      span.setStatus({ code: SpanStatusCode.ERROR });
      span.setAttribute('error.type', error instanceof Error ? error.name : 'unknown');
      throw error;
    } finally {
      span.end();
    }
  });
}
