import { AsyncLocalStorage } from 'node:async_hooks';
import { deferred } from '../../../test/support/deferred.js';
import type { Outbox } from './outbox.js';
import { RowRenewal } from './row-renewal.js';
import { UnitOfWork } from './unit-of-work.js';

describe('rows of methods at work', () => {
  let renewed: string[][];
  let renewal: RowRenewal;

  beforeEach(() => {
    jest.useFakeTimers();
    renewed = [];
    const renew = (rows: readonly string[]) => {
      renewed.push([...rows]);
      return Promise.reject(new Error('the database is away'));
    };
    renewal = new RowRenewal({ renew } as unknown as Outbox);
  });

  afterEach(() => {
    jest.useRealTimers();
  });

  function begin(...rows: string[]): UnitOfWork {
    const unit = new UnitOfWork('Test.method', []);
    unit.rows.push(...rows);
    renewal.begin(unit);
    return unit;
  }

  it('are renewed together, each from its second tick on, whatever became of the last renewal', async () => {
    const first = begin('1');
    begin('2');

    await jest.advanceTimersByTimeAsync(100);
    expect(renewed).toEqual([]);
    first.rows.push('3');
    await jest.advanceTimersByTimeAsync(200);

    expect(renewed).toEqual([
      ['1', '2'],
      ['1', '3', '2'],
    ]);
  });

  it('are left alone once their method has ended', async () => {
    const unit = begin('1');
    await jest.advanceTimersByTimeAsync(200);

    renewal.end(unit);
    await jest.advanceTimersByTimeAsync(1000);

    expect(renewed).toHaveLength(1);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('are renewed also where all that began before have ended', async () => {
    renewal.end(begin('1'));
    begin('2');

    await jest.advanceTimersByTimeAsync(200);

    expect(renewed).toEqual([['2']]);
  });

  it('are renewed once more when the database has not answered for a second', async () => {
    const silent = jest.fn(() => new Promise<void>(() => undefined));
    renewal = new RowRenewal({ renew: silent } as unknown as Outbox);
    begin('1');

    await jest.advanceTimersByTimeAsync(1100);
    expect(silent).toHaveBeenCalledTimes(1);
    await jest.advanceTimersByTimeAsync(1000);
    expect(silent).toHaveBeenCalledTimes(2);
  });

  it('are renewed outside of the work of whoever was the first to write', async () => {
    jest.useRealTimers();
    const around = new AsyncLocalStorage<string>();
    const seen = deferred<string | undefined>();
    const renew = () => {
      seen.resolve(around.getStore());
      return Promise.resolve();
    };
    renewal = new RowRenewal({ renew } as unknown as Outbox);
    const unit = around.run('the first', () => begin('1'));

    expect(await seen.promise).toBeUndefined();
    renewal.end(unit);
  });

  it('are given up after half a minute', async () => {
    begin('1');

    await jest.advanceTimersByTimeAsync(60_000);

    expect(renewed).toHaveLength(299);
  });
});
