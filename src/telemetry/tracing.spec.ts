import { AsyncLocalStorage } from 'node:async_hooks';
import {
  context,
  ROOT_CONTEXT,
  SpanStatusCode,
  trace,
  type Context,
  type ContextManager,
} from '@opentelemetry/api';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import type { Subject } from '../cache/index.js';
import { traceCacheEvent, tracing } from './tracing.js';

const subject = { prefix: 'student_risk', key: 'cache:student_risk:1' } as Subject;

/** What an application that traces brings along. */
class TestContexts implements ContextManager {
  readonly #storage = new AsyncLocalStorage<Context>();
  active(): Context {
    return this.#storage.getStore() ?? ROOT_CONTEXT;
  }
  with<A extends unknown[], F extends (...args: A) => ReturnType<F>>(
    inside: Context,
    run: F,
    self?: ThisParameterType<F>,
    ...args: A
  ): ReturnType<F> {
    return this.#storage.run(inside, () => run.call(self, ...args));
  }
  bind<T>(_context: Context, target: T): T {
    return target;
  }
  enable(): this {
    return this;
  }
  disable(): this {
    return this;
  }
}

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
  const exporter = new InMemorySpanExporter();

  beforeAll(() => {
    trace.setGlobalTracerProvider(
      new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }),
    );
    context.setGlobalContextManager(new TestContexts());
  });

  beforeEach(() => {
    exporter.reset();
  });

  afterAll(() => {
    trace.disable();
    context.disable();
  });

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

  it('a hit is an event of the span that asked', () => {
    trace.getTracer('http').startActiveSpan('GET', (span) => {
      traceCacheEvent({ event: 'cache.hit', subject, bytes: 1 });
      traceCacheEvent({ event: 'cache.ready' });
      span.end();
    });

    const spans = exporter.getFinishedSpans();
    expect(spans).toHaveLength(1);
    expect(spans[0]?.events).toMatchObject([
      { name: 'cache.hit', attributes: { 'cache.prefix': 'student_risk' } },
    ]);
  });
});
