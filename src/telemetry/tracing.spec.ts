import { SpanStatusCode, trace } from '@opentelemetry/api';
import type { InMemorySpanExporter } from '@opentelemetry/sdk-trace-base';
import { forgetSpans, recordSpans } from '../../test/support/recorded-spans.js';
import type { CacheModuleEvent, Subject } from '../cache/index.js';
import { traceCacheEvent, tracing } from './tracing.js';

const subject = { prefix: 'student_risk', key: 'cache:student_risk:1' } as Subject;

describe('without an SDK', () => {
  it('runs what it is given, and makes no span', async () => {
    const getTracer = jest.spyOn(trace.getTracerProvider(), 'getTracer');

    expect(
      await tracing.load('student_risk', 'miss', () => Promise.resolve(trace.getActiveSpan())),
    ).toBeUndefined();
    expect(await tracing.invalidate(['tag/a:1'], () => Promise.resolve(7))).toBe(7);
    traceCacheEvent({ event: 'cache.hit', subject, bytes: 1 });

    expect(getTracer).not.toHaveBeenCalled();
  });
});

describe('with an SDK', () => {
  let exporter: InMemorySpanExporter;

  beforeAll(() => {
    exporter = recordSpans();
  });

  beforeEach(() => {
    exporter.reset();
  });

  afterAll(forgetSpans);

  it('a run is a span, and what runs inside it is below it', async () => {
    const inner = trace.getTracer('database');

    await tracing.load('student_risk', 'bypass', async () => {
      await Promise.resolve();
      inner.startSpan('query').end();
    });

    const [query, load] = exporter.getFinishedSpans();
    expect(load).toMatchObject({
      name: 'cache.load',
      attributes: { 'cache.prefix': 'student_risk', 'cache.outcome': 'bypass' },
    });
    expect(query?.parentSpanContext?.spanId).toBe(load?.spanContext().spanId);
  });

  it('a run that failed says how, and nothing that could be a secret', async () => {
    const failed = tracing.load('student_risk', 'miss', () => Promise.reject(new TypeError('SELECT secret')));

    await expect(failed).rejects.toThrow('SELECT secret');

    const [span] = exporter.getFinishedSpans();
    expect(span?.status).toEqual({ code: SpanStatusCode.ERROR });
    expect(span?.attributes['error.type']).toBe('TypeError');
    expect(JSON.stringify([span?.attributes, span?.events, span?.status])).not.toContain('SELECT');
  });

  it('an invalidation is a span that does not name what was invalidated', async () => {
    await tracing.invalidate(['tag/student:STU001', 'epoch'], () => Promise.resolve());

    const [span] = exporter.getFinishedSpans();
    expect(span).toMatchObject({ name: 'cache.invalidate', attributes: { 'cache.tag_count': 2 } });
    expect(JSON.stringify(span?.attributes)).not.toContain('STU001');
  });

  it.each<CacheModuleEvent>([
    { event: 'cache.hit', subject, bytes: 1 },
    { event: 'cache.miss', subject },
    { event: 'cache.fallback', subject },
    { event: 'cache.coalesced', subject, durationMs: 1 },
    { event: 'cache.stale_served', subject, reason: 'error', staleMs: 1 },
  ])('$event is an event of the span that asked, and names only the prefix', (event) => {
    trace.getTracer('http').startActiveSpan('GET', (span) => {
      traceCacheEvent(event);
      span.end();
    });

    expect(exporter.getFinishedSpans()).toMatchObject([{ name: 'GET', events: [{ name: event.event }] }]);
    expect(exporter.getFinishedSpans()[0]?.events[0]?.attributes).toEqual({ 'cache.prefix': 'student_risk' });
  });

  it('what is no answer to a lookup is no event of a span', () => {
    trace.getTracer('http').startActiveSpan('GET', (span) => {
      traceCacheEvent({ event: 'cache.ready' });
      traceCacheEvent({ event: 'cache.lookup', subject });
      traceCacheEvent({ event: 'cache.stored', subject, ttlMs: 1, bytes: 1 });
      span.end();
    });

    expect(exporter.getFinishedSpans()).toMatchObject([{ name: 'GET', events: [] }]);
  });
});
