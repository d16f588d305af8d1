import type { LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { rememberingLookup } from './remembering-lookup.js';

const here: LookupAddress = { address: '127.0.0.1', family: 4 };
const there: LookupAddress = { address: '127.0.0.2', family: 4 };
const failure = (code: string) => Object.assign(new Error(`getaddrinfo ${code}`), { code });

let answer: () => Promise<LookupAddress[]>;
let asked: string[];
let lookup: LookupFunction;

beforeEach(() => {
  asked = [];
  answer = () => Promise.resolve([here, there]);
  lookup = rememberingLookup((host) => {
    asked.push(host);
    return answer();
  });
});

const all = (host = 'redis.test') =>
  new Promise<unknown>((resolve, reject) => {
    lookup(host, { all: true }, (error, found) => {
      if (error) reject(error);
      else resolve(found);
    });
  });

it('gives all addresses, or the first one and what it is', async () => {
  const first = new Promise((resolve) => {
    lookup('redis.test', {}, (...told) => {
      resolve(told);
    });
  });

  expect(await all()).toEqual([here, there]);
  expect(await first).toEqual([null, '127.0.0.1', 4]);
});

it('asks each time, and asks once for those who ask at once', async () => {
  await Promise.all([all(), all(), all('other.test')]);
  answer = () => Promise.resolve([there]);

  expect(await all()).toEqual([there]);
  expect(asked).toEqual(['redis.test', 'other.test', 'redis.test']);
});

it('gives what was found last while the name service fails, and what it says once it answers', async () => {
  await all();
  answer = () => Promise.reject(failure('EAI_AGAIN'));

  expect(await all()).toEqual([here, there]);
  answer = () => Promise.resolve([there]);
  expect(await all()).toEqual([there]);
});

it('gives what was found last after a quarter of a second while the name service hangs, and does not ask again', async () => {
  await all();
  jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick'] });
  try {
    answer = () => new Promise(() => undefined);
    const both = Promise.all([all(), all()]);
    await jest.advanceTimersByTimeAsync(250);

    expect(await both).toEqual([
      [here, there],
      [here, there],
    ]);
    // Those who ask later do not wait at all.
    expect(await all()).toEqual([here, there]);
    expect(asked).toHaveLength(2);
  } finally {
    jest.useRealTimers();
  }
});

it('believes that there is no such name', async () => {
  await all();
  answer = () => Promise.reject(failure('ENOTFOUND'));

  await expect(all()).rejects.toThrow('ENOTFOUND');
  answer = () => Promise.reject(failure('EAI_AGAIN'));
  await expect(all()).rejects.toThrow('EAI_AGAIN');
});

it('has nothing to give for a name that it never found', async () => {
  answer = () => Promise.reject(failure('EAI_AGAIN'));

  await expect(all()).rejects.toThrow('EAI_AGAIN');
});

it('forgets the oldest of a hundred names', async () => {
  for (let n = 0; n <= 100; n++) await all(`${n}.test`);
  answer = () => Promise.reject(failure('EAI_AGAIN'));

  await expect(all('0.test')).rejects.toThrow('EAI_AGAIN');
  expect(await all('1.test')).toEqual([here, there]);
});
