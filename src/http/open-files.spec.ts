import { Logger } from '@nestjs/common';
import { connectionsWithinFiles, softLimitOf } from './open-files.js';

let warn: jest.SpyInstance;

beforeEach(() => {
  warn = jest.spyOn(Logger.prototype, 'warn').mockImplementation();
});

afterEach(() => {
  warn.mockRestore();
});

const pools = { DATABASE_POOL_SIZE: 10, REDIS_POOL: false, REDIS_MAX_CONNECTIONS: 50 };
const wanted = (MAX_CONNECTIONS: number) => ({ ...pools, MAX_CONNECTIONS });

it('keeps back 128 of the descriptors that are free with pools as they are shipped, and says so', () => {
  expect(connectionsWithinFiles(wanted(5000), { limit: 1024, open: 30 })).toBe(866);
  expect(warn).toHaveBeenCalledWith({ event: 'connections.limited', clients: 866, count: 1024 });
});

it('keeps back one more for each connection more of a pool', () => {
  const large = { ...wanted(5000), DATABASE_POOL_SIZE: 130, REDIS_POOL: true };

  expect(connectionsWithinFiles(large, { limit: 1024, open: 30 })).toBe(1024 - 30 - 115 - 130 - 50);
});

it('takes on as many as are wanted where there is room for them', () => {
  expect(connectionsWithinFiles(wanted(866), { limit: 1024, open: 30 })).toBe(866);
  expect(connectionsWithinFiles(wanted(1_000_000), { limit: Infinity, open: 30 })).toBe(1_000_000);
  expect(warn).not.toHaveBeenCalled();
});

it('takes on somebody however few there are', () => {
  expect(connectionsWithinFiles(wanted(5000), { limit: 100, open: 30 })).toBe(1);
});

it.each([
  ['1024                 4096                ', 1024],
  ['unlimited            unlimited           ', Infinity],
])('reads the limit that holds, not the one it may be raised to: %s', (columns, limit) => {
  const before =
    'Limit                     Soft Limit           Hard Limit           Units     \nMax processes             7                    7                    processes \n';

  expect(softLimitOf(`${before}Max open files            ${columns} files     \n`)).toBe(limit);
});
