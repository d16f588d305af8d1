import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import fastify, { type FastifyInstance } from 'fastify';
import { deferred } from '../../test/support/deferred.js';
import { RequestDurations } from './request-durations.js';

let app: FastifyInstance;
let durations: RequestDurations;
/** Called with each answer of which the durations have heard. */
let heard: () => void;
let nowMs: number;

beforeEach(() => {
  nowMs = 1000;
  durations = new RequestDurations(() => nowMs);
  heard = () => undefined;
  app = fastify();
  app.addHook('onRequest', (request, reply, done) => {
    durations.measure(request, reply);
    reply.raw.on('close', () => {
      heard();
    });
    done();
  });
});

afterEach(() => app.close());

const counted = () =>
  durations.counts.map(
    ({ method, route, status, durationMs: { count } }) => `${method} ${route} ${status}: ${count}`,
  );

async function listen(): Promise<{ url: string; port: number }> {
  const url = await app.listen({ port: 0, host: '127.0.0.1' });
  return { url, port: (app.server.address() as AddressInfo).port };
}

it('tell by route, method and status, whatever paths callers choose', async () => {
  app.get('/users/:id', (request, reply) => reply.code(request.headers['if-none-match'] ? 304 : 200).send());
  const { url } = await listen();

  for (const id of ['1', '2', '3?a=b']) await fetch(`${url}/users/${id}`);
  await fetch(`${url}/users/1`, { headers: { 'if-none-match': '"1"' } });
  await fetch(`${url}/users/1`, { method: 'HEAD' });
  for (const path of ['/one', '/other']) await fetch(url + path);
  for (const method of ['PROPFIND', 'LOCK']) await fetch(`${url}/users/1`, { method });

  expect(counted().sort()).toEqual([
    'GET /users/:id 200: 3',
    'GET /users/:id 304: 1',
    'GET unknown 404: 2',
    'HEAD /users/:id 200: 1',
    'other unknown 404: 2',
  ]);
});

it('tell of what hooks refuse, under its route', async () => {
  app.addHook('onRequest', (_request, reply, done) => {
    void reply.code(503);
    done(new Error('no more'));
  });
  app.get('/users/:id', () => 'never');
  const { url } = await listen();

  await fetch(`${url}/users/1`);

  expect(counted()).toEqual(['GET /users/:id 503: 1']);
});

it('end with the answer, and with status 499 where the client has gone before it', async () => {
  const [arrived, closed, answer] = [deferred(), deferred(), deferred()];
  heard = closed.resolve;
  app.get('/slow', async () => {
    arrived.resolve();
    await answer.promise;
    return 'late';
  });
  const { port } = await listen();
  const client = connect(port, '127.0.0.1');
  await once(client, 'connect');
  client.write('GET /slow HTTP/1.1\r\nHost: x\r\n\r\n');
  await arrived.promise;
  expect(counted()).toEqual([]);

  nowMs += 700;
  client.destroy();
  await closed.promise;

  expect(counted()).toEqual(['GET /slow 499: 1']);
  expect(durations.counts[0]?.durationMs.sum).toBe(700);
  answer.resolve();
});
