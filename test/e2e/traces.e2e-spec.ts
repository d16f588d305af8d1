import type { Server } from 'node:http';
import { RouterExecutionContext } from '@nestjs/core/router/router-execution-context.js';
import { trace } from '@opentelemetry/api';
import type { InMemorySpanExporter, ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { CacheService } from '../../src/cache/index.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { pollUntil } from '../support/processes.js';
import { forgetSpans, recordSpans } from '../support/recorded-spans.js';
import { startTestApp, type TestApp } from '../support/test-app.js';

const stats = '/api/v3/system/stats';

let exporter: InMemorySpanExporter;
let database: TestDatabase;
let app: TestApp;

beforeAll(async () => {
  exporter = recordSpans();
  database = await createTestDatabase();
  app = await startTestApp({ env: { DATABASE_URL: database.url } });
  traceRequests(app.app.getHttpServer());
});

beforeEach(() => {
  exporter.reset();
});

afterAll(async () => {
  await app.close();
  await database.drop();
  forgetSpans();
});

/** As the instrumentation of `node:http` does that comes with an SDK. */
function traceRequests(server: Server): void {
  const emit = server.emit.bind(server) as (...of: unknown[]) => boolean;
  server.emit = (name: string, ...of: unknown[]) => {
    if (name !== 'request') return emit(name, ...of);
    return trace.getTracer('http').startActiveSpan('request', (span) => {
      (of[1] as NodeJS.EventEmitter).once('close', () => {
        span.end();
      });
      return emit(name, ...of);
    });
  };
}

/** @returns the spans of a request and of what it made run, by their names */
async function spansOf(ask: PromiseLike<unknown>, of = app): Promise<Map<string, ReadableSpan>> {
  await ask;
  await of.app.get(CacheService).settle();
  const spans = () => new Map(exporter.getFinishedSpans().map((span) => [span.name, span]));
  // The client may have its answer before the server knows that it is sent.
  await pollUntil(() => spans().has('request'), 5000);
  return spans();
}

const eventsOf = (span: ReadableSpan | undefined) =>
  span?.events.map(({ name, attributes }) => ({ name, attributes }));

it('a miss of the service is an event of the span of its request, and its run a span below that', async () => {
  const spans = await spansOf(app.request.get(stats).expect('x-cache', 'MISS'));

  const [request, load] = [spans.get('request'), spans.get('cache.load')];
  expect(load?.attributes).toEqual({ 'cache.prefix': 'system_stats', 'cache.outcome': 'miss' });
  expect(load?.parentSpanContext?.spanId).toBe(request?.spanContext().spanId);
  expect(eventsOf(request)).toEqual([{ name: 'cache.miss', attributes: { 'cache.prefix': 'system_stats' } }]);
});

it('a hit of the service is an event, and no span', async () => {
  await spansOf(app.request.get(stats));
  exporter.reset();

  const spans = await spansOf(app.request.get(stats).expect('x-cache', 'HIT'));

  expect([...spans.keys()]).toEqual(['request']);
  expect(eventsOf(spans.get('request'))).toEqual([
    { name: 'cache.hit', attributes: { 'cache.prefix': 'system_stats' } },
  ]);
});

it('a write of the service has a span of its invalidation below that of its request', async () => {
  const user = { user_id: 'TRACED', role: 'student' };

  const spans = await spansOf(app.request.post('/api/v3/users').send(user).expect(201));

  const [request, invalidate] = [spans.get('request'), spans.get('cache.invalidate')];
  expect(invalidate?.attributes['cache.tag_count']).toBeGreaterThan(0);
  expect(invalidate?.parentSpanContext?.spanId).toBe(request?.spanContext().spanId);
  expect(JSON.stringify([...spans.values()].map(({ attributes }) => attributes))).not.toContain('TRACED');
});

describe('a tracer that wraps the way through a route, guards included', () => {
  let wrapped: TestApp;

  beforeAll(async () => {
    const create: RouterExecutionContext['create'] = Reflect.get(RouterExecutionContext.prototype, 'create');
    jest.spyOn(RouterExecutionContext.prototype, 'create').mockImplementation(function (
      this: RouterExecutionContext,
      ...of: Parameters<typeof create>
    ) {
      const way = create.apply(this, of) as (...of: unknown[]) => Promise<unknown>;
      // As the instrumentation of Nest does that comes with an SDK.
      return (...ofRequest: unknown[]) =>
        trace.getTracer('nest').startActiveSpan('route', async (span) => {
          try {
            await way(...ofRequest);
          } finally {
            span.end();
          }
        });
    } as typeof create);
    wrapped = await startTestApp({ env: { DATABASE_URL: database.url } });
    traceRequests(wrapped.app.getHttpServer());
  });

  afterAll(async () => {
    jest.restoreAllMocks();
    await wrapped.close();
  });

  it('sees a miss end, and no hit', async () => {
    const ofMiss = await spansOf(wrapped.request.get(stats).expect('x-cache', 'MISS'), wrapped);
    exporter.reset();
    const ofHit = await spansOf(wrapped.request.get(stats).expect('x-cache', 'HIT'), wrapped);

    expect(eventsOf(ofMiss.get('route'))).toEqual([
      { name: 'cache.miss', attributes: { 'cache.prefix': 'system_stats' } },
    ]);
    expect([...ofHit.keys()]).toEqual(['request']);
    expect(eventsOf(ofHit.get('request'))).toEqual([]);
  });
});
