import { Logger } from '@nestjs/common';
import { DatabaseOutage } from './database-outage.js';
import type { DatabasePing } from './database-ping.js';

let told: unknown[];
let ping: { isUp: boolean; failure: string | undefined; isAnswering: () => Promise<boolean> };
let outage: DatabaseOutage;

beforeEach(() => {
  jest.useFakeTimers();
  told = [];
  for (const level of ['log', 'error'] as const)
    jest
      .spyOn(Logger.prototype, level)
      .mockImplementation((...[record]: unknown[]) => void told.push(record));
  ping = { isUp: false, failure: 'ECONNREFUSED', isAnswering: () => Promise.resolve(ping.isUp) };
  outage = new DatabaseOutage(ping as unknown as DatabasePing);
});

afterEach(() => {
  outage.onApplicationShutdown();
  jest.useRealTimers();
  jest.restoreAllMocks();
});

const away = (reason: string) => ({ event: 'database.away', reason, request_id: undefined });
const back = { event: 'database.back', request_id: undefined };
const takeTold = () => told.splice(0);

it('is told with the first who finds out, for every other reason, and once a minute though nobody asks', async () => {
  for (let n = 0; n < 20; n++) outage.found('57P01');
  outage.found('ECONNREFUSED');
  expect(takeTold()).toEqual([away('57P01'), away('ECONNREFUSED')]);

  await jest.advanceTimersByTimeAsync(59_000);
  expect(told).toEqual([]);
  await jest.advanceTimersByTimeAsync(2000);
  expect(takeTold()).toEqual([away('ECONNREFUSED')]);
});

it('is over when the database answers, without a request, and is told anew when it comes again', async () => {
  outage.found('ECONNREFUSED');
  ping.isUp = true;
  await jest.advanceTimersByTimeAsync(6000);
  expect(takeTold()).toEqual([away('ECONNREFUSED'), back]);

  await jest.advanceTimersByTimeAsync(600_000);
  expect(told).toEqual([]);
  outage.found('ECONNREFUSED');
  expect(told).toEqual([away('ECONNREFUSED')]);
});

it('is not over while some are still refused', async () => {
  ping.isUp = true;
  for (let n = 0; n < 20; n++) {
    outage.found('ALL_IN_USE');
    await jest.advanceTimersByTimeAsync(2000);
  }

  expect(told).toEqual([away('ALL_IN_USE')]);
});

it('is not told of a service that ends', async () => {
  outage.onApplicationShutdown();
  outage.found('disconnected');
  await jest.advanceTimersByTimeAsync(60_000);

  expect(told).toEqual([]);
});
