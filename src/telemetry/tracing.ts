import { SpanStatusCode, trace, type Attributes, type Tracer as SpanTracer } from '@opentelemetry/api';
import type { CacheModuleEvent, Tracer } from '../cache/index.js';

const SCOPE = 'ai-native-backend/cache';

/**
 * Spans `cache.load` and `cache.invalidate`, for whichever OpenTelemetry SDK the process was started with; without one
 * nothing is made. Attributes name prefixes, counts and kinds of errors, never a key or an exception's text.
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

/** Tells the span of the request what its lookups came to: a span for every hit would cost more than the hit. */
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

/** The API hands out a tracer also where nobody listens; whether somebody does, its proxy knows. */
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
