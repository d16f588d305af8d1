import { HealthIndicatorService } from '@nestjs/terminus';
import type { CacheService, RedisService } from '../cache/index.js';
import { readEnvironment } from '../config/read-environment.js';
import { RedisHealth } from './redis.health.js';

/** What the store answers to one look after the other; the last one for good. */
let answers: (string | undefined)[];

function healthOf(topology: RedisService['topology']): RedisHealth {
  const redis = { topology, status: () => 'connected', breaker: 'closed', isRefused: false };
  const tryStore = () => {
    const reason = answers.length > 1 ? answers.shift() : answers[0];
    return Promise.resolve(reason === undefined ? undefined : { step: 'write', reason });
  };
  return new RedisHealth(
    new HealthIndicatorService(),
    redis as RedisService,
    { tryStore } as CacheService,
    readEnvironment({}),
  );
}

/** The reasons that are given, a look each. */
async function reasons(health: RedisHealth, looks: number): Promise<(string | undefined)[]> {
  const given: (string | undefined)[] = [];
  for (let look = 0; look < looks; look++) {
    await health.present();
    given.push(health.reason);
    await jest.advanceTimersByTimeAsync(1000);
  }
  return given;
}

beforeEach(() => {
  jest.useFakeTimers();
});

afterEach(() => {
  jest.useRealTimers();
});

it('of one server tells what each look finds', async () => {
  answers = ['OOM', undefined];

  expect(await reasons(healthOf('single'), 3)).toEqual(['OOM', undefined, undefined]);
});

it('of a cluster tells of what passes, such as slots on the move, for as long as on one server', async () => {
  answers = ['MOVED', undefined, 'timeout', undefined];

  expect(await reasons(healthOf('cluster'), 4)).toEqual(['MOVED', undefined, 'timeout', undefined]);
});

it('of a cluster tells of a master that is of no use until ten looks in a row have found none', async () => {
  answers = [undefined, 'OOM', undefined, undefined, 'NOPERM', undefined];

  const given = await reasons(healthOf('cluster'), 15);

  expect(given.slice(0, 5)).toEqual([undefined, 'OOM', 'OOM', 'OOM', 'NOPERM']);
  expect(given.slice(5, 14)).toEqual(Array(9).fill('NOPERM'));
  expect(given[14]).toBeUndefined();
});

it.each(['OOM', 'NOPERM', 'NOAUTH', 'WRONGPASS', 'MISCONF', 'NOREPLICAS'])(
  'of a cluster does not forget %s because the next look was at another master',
  async (reason) => {
    answers = [reason, undefined];

    expect(await reasons(healthOf('cluster'), 2)).toEqual([reason, reason]);
  },
);

it.each([
  ['ECONNREFUSED', 'ECONNREFUSED'],
  ['ERR_SSL_WRONG_VERSION_NUMBER', 'ERR_SSL_WRONG_VERSION_NUMBER'],
  ['ConnectionTimeoutError', 'timeout'],
  ['SocketClosedUnexpectedlyError', 'disconnected'],
  [undefined, 'disconnected'],
])('of one that is away (%s) tells why it is now', async (whyAway, reason) => {
  const redis = { status: () => 'unavailable', breaker: 'closed', isRefused: false, whyAway };
  const health = new RedisHealth(
    new HealthIndicatorService(),
    redis as RedisService,
    {} as CacheService,
    readEnvironment({}),
  );

  expect(await reasons(health, 1)).toEqual([reason]);
});
