import type { DataSource } from 'typeorm';
import { PoolBypass } from './typeorm.bypass.js';

/** Its turn at the pool never comes. */
const query = () => new Promise(() => undefined);

class Refused {
  on = () => undefined;
  connect = () => Promise.reject(new Error('too many clients'));
  end = () => Promise.resolve();
}

beforeEach(() => {
  jest.useFakeTimers();
});

afterEach(() => {
  jest.useRealTimers();
});

it.each([
  ['nor is there a way around it', { waitingCount: 0 }],
  ['and the way around it is barred', { waitingCount: 1, options: {}, Client: Refused }],
])(
  'a pool that never has a turn for it is waited for no longer than half a minute: %s',
  async (_, master) => {
    const bypass = new PoolBypass({ query, driver: { master } } as unknown as DataSource);
    const refused = expect(bypass.run('UPDATE', ['1'])).rejects.toThrow('does not answer');
    let isOver = false;
    void refused.then(() => (isOver = true));

    await jest.advanceTimersByTimeAsync(29_000);
    expect(isOver).toBe(false);
    await jest.advanceTimersByTimeAsync(2000);

    await refused;
  },
);
