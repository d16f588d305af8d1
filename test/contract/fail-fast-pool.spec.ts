import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { FailFastPool } from '../../src/database/fail-fast-pool.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { pollUntil } from '../support/processes.js';

jest.setTimeout(30_000);

let database: TestDatabase;
let relay: Server;
let pool: FailFastPool;
let sockets: Socket[];
/** Whether bytes arrive: not on the connections made meanwhile either, also not later. */
let isDead: boolean;

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(() => database.drop());

beforeEach(async () => {
  isDead = false;
  sockets = [];
  const { hostname, port } = new URL(database.url);
  relay = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    // Read, so that its end is seen.
    if (isDead) {
      socket.resume();
      return;
    }
    const server = connect(Number(port), hostname);
    sockets.push(server);
    server.on('error', () => undefined);
    socket.pipe(server).pipe(socket);
  }).listen(0, '127.0.0.1');
  await once(relay, 'listening');
  const through = new URL(database.url);
  through.host = `127.0.0.1:${(relay.address() as AddressInfo).port}`;
  pool = new FailFastPool({
    connectionString: through.href,
    max: 2,
    connectionTimeoutMillis: 2000,
    query_timeout: 1500,
    queueTimeoutMillis: 100,
  });
  pool.on('error', () => undefined);
});

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  relay.close();
  await pool.end();
});

const errorOf = (work: Promise<unknown>) =>
  work.then(() => undefined).catch((error: unknown) => (error as Error).message);

it('is used again as soon as a new connection is answered, while those from before stay dead', async () => {
  await pool.query('SELECT 1');
  isDead = true;
  for (const socket of sockets) socket.unpipe();
  expect(await errorOf(pool.query('SELECT 1'))).toBe('Query read timeout');
  await pollUntil(
    async () => (await errorOf(pool.query('SELECT 1'))) === 'the database does not answer',
    10_000,
  );

  isDead = false;

  // The question that is under way waits for 2.5 s.
  await pollUntil(async () => (await errorOf(pool.query('SELECT 1'))) === undefined, 4000);
});

it('looks for a server that hangs with one connection at a time', async () => {
  const client = await pool.connect();
  const before = sockets.length;
  isDead = true;
  for (const socket of sockets) socket.unpipe();
  expect(await errorOf(client.query('SELECT 1'))).toBe('Query read timeout');
  client.release();
  let most = 0;

  await pollUntil(() => {
    const open = sockets.slice(before).filter(({ destroyed }) => !destroyed);
    most = Math.max(most, open.length);
    return sockets.length >= before + 3;
  }, 10_000);

  expect(most).toBe(1);
});

it('keeps all who come at once waiting no longer than in the queue, also beside an idle connection', async () => {
  const first = await pool.connect();
  const second = await pool.connect();
  first.release();

  const errors = await Promise.all(
    Array.from({ length: 3 }, async () => errorOf(pool.query('SELECT pg_sleep(0.25)'))),
  );

  expect(errors.filter((error) => error === 'all connections are in use')).toHaveLength(2);
  second.release();
});
