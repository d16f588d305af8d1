import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { CacheError } from '../engine/cache-errors.js';
import { systemClock } from '../engine/clock.js';
import type { RedisAddress } from './redis-address.js';
import { RedisConnection } from './redis-connection.js';
import { paceOfAbsences, paceOfRefusals, type ReconnectionPace } from './reconnection-pace.js';

const minute = 60_000;

const connectionTo = (
  locate: () => Promise<RedisAddress>,
  {
    paceWhenRefused = paceOfRefusals(),
    paceWhenAway = paceOfAbsences(minute),
    connectTimeoutMs = minute,
  } = {},
) =>
  new RedisConnection({
    locate,
    timings: {
      connectTimeoutMs,
      heartbeatMs: minute,
      silenceLimitMs: minute,
      slowMs: minute,
    },
    clock: systemClock,
    paceWhenRefused,
    paceWhenAway,
    beforeUse: () => Promise.resolve(),
    onReady: () => undefined,
    onLost: () => undefined,
  });

describe('a connection that is not made yet', () => {
  let server: Server;
  let login: RedisAddress;

  beforeEach(async () => {
    server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const nobody = { username: undefined, password: undefined, database: 0, clientName: 'test' };
    login = { ...nobody, tls: true, host: '127.0.0.1', port };
  });

  afterEach(() => server.close());

  /** `'open'` after 10 s: for a connection that is closed only after some limit of a minute, or never. */
  async function outcome(closing: Promise<unknown>): Promise<string> {
    return Promise.race([closing.then(() => 'closed'), wait(10_000, 'open', { ref: false })]);
  }

  it('is closed at once while the greeting of TLS is not answered', async () => {
    const connection = connectionTo(() => Promise.resolve(login));
    const [socket] = (await once(server, 'connection')) as [Socket];

    expect(await outcome(connection.close())).toBe('closed');

    socket.destroy();
  });

  it('is closed at once while nobody says where the server is', async () => {
    const connection = connectionTo(() => new Promise(() => undefined));

    expect(await outcome(connection.close())).toBe('closed');
  });

  it('lets go of its socket, closed, once its time to connect is over', async () => {
    const connection = connectionTo(() => Promise.resolve(login), { connectTimeoutMs: 200 });
    const [socket] = (await once(server, 'connection')) as [Socket];
    const gone = once(socket.resume(), 'close');

    await connection.close();

    expect(await outcome(gone)).toBe('closed');
  });
});

describe('the connections of a process that all fail', () => {
  let paceWhenRefused: ReconnectionPace;
  let paceWhenAway: ReconnectionPace;
  /** When a connection was tried, ms from the start. */
  let attempts: number[];
  let connections: RedisConnection[];

  beforeEach(() => {
    jest.useFakeTimers();
    paceWhenRefused = paceOfRefusals();
    paceWhenAway = paceOfAbsences(500);
    attempts = [];
  });

  afterEach(async () => {
    await Promise.all(connections.map((connection) => connection.close()));
    jest.restoreAllMocks();
    jest.useRealTimers();
  });

  /** Three connections, each of whose attempts ends with this reply. */
  async function failFor(reason: string, seconds: number): Promise<void> {
    const begunAtMs = performance.now();
    const locate = () => {
      attempts.push(performance.now() - begunAtMs);
      return Promise.reject(new CacheError('CACHE_STORE_UNAVAILABLE', reason));
    };
    connections = [1, 2, 3].map(() => connectionTo(locate, { paceWhenRefused, paceWhenAway }));
    await jest.advanceTimersByTimeAsync(seconds * 1000);
  }

  it.each(['WRONGPASS', 'NOAUTH', 'NOPERM'])(
    'try again one by one where they are refused, at most once a second: %s',
    async (reason) => {
      await failFor(reason, 25);

      expect(attempts.slice(0, 3)).toEqual([0, 0, 0]);
      const gaps = attempts.slice(3).map((atMs, n) => atMs - (attempts[n + 2] ?? 0));
      expect(Math.min(...gaps)).toBeGreaterThanOrEqual(1000);
      expect(Math.max(...gaps)).toBeLessThanOrEqual(1501);
    },
  );

  it.each([
    ['is refused', 'WRONGPASS', () => paceWhenRefused],
    ['finds nobody', 'ECONNREFUSED', () => paceWhenAway],
  ])('try again at once when one that %s, too, is let in', async (_, reason, pace) => {
    await failFor(reason, 0.5);
    const before = attempts.length;

    pace().letIn();
    // A connection that has just tried pauses for a moment first.
    await jest.advanceTimersByTimeAsync(50);

    expect(attempts).toHaveLength(before + 3);
  });

  it('try again one by one, and soon, where the server is away', async () => {
    jest.spyOn(Math, 'random').mockReturnValue(0.4);

    await failFor('ECONNREFUSED', 25);

    const gaps = attempts.slice(3).map((atMs, n) => atMs - (attempts[n + 2] ?? 0));
    expect(gaps.slice(0, 5)).toEqual([60, 120, 240, 480, 600]);
    expect(attempts).toHaveLength(3 + 4 + Math.floor((25_000 - 900) / 600));
  });
});
