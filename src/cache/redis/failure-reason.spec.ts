import { CacheError } from '../engine/cache-errors.js';
import { failureReason, isRefusal } from './failure-reason.js';

const coded = (code: string) => Object.assign(new Error('connect to secret'), { code });

it.each([
  ['of ours', new CacheError('CACHE_STORE_UNAVAILABLE', 'timeout'), 'timeout'],
  ['of the system', coded('ECONNREFUSED'), 'ECONNREFUSED'],
  ['of several attempts', { errors: [coded('ETIMEDOUT')] }, 'ETIMEDOUT'],
  [
    'of a missing right',
    new Error("NOPERM this user has no permissions to run the 'eval' command"),
    'NOPERM',
  ],
  [
    'of a missing right in a script, for a command',
    new Error(
      "ERR The user executing the script can't run this command or subcommand script: e4b6, on @user:1.",
    ),
    'NOPERM',
  ],
  [
    'of a missing right in a script, for a key',
    new Error(
      "ERR The user executing the script can't access at least one of the keys mentioned script: 8a83",
    ),
    'NOPERM',
  ],
  [
    'of a missing right in a script, from Redis 7.2 on',
    new Error(
      "ERR ACL failure in script: User app has no permissions to run the 'incrby' command script: e4b6",
    ),
    'NOPERM',
  ],
  ['of a database that is none', new Error('ERR DB index is out of range'), 'DB_INDEX'],
  ['of a server without room', new Error('ERR max number of clients reached'), 'MAXCLIENTS'],
  ['of a server that cannot save', new Error('MISCONF Redis is configured to save RDB snapshots'), 'MISCONF'],
  ['of any other reply', new Error('ERR unknown command'), 'ERR'],
  ['of an error without a code', new TypeError('secret'), 'TypeError'],
  ['of nothing', undefined, 'unknown'],
])('names the reason %s by a word', (_, error, reason) => {
  expect(failureReason(error)).toBe(reason);
});

it.each(['WRONGPASS', 'NOAUTH', 'NOPERM'])('%s is a refusal', (reason) => {
  expect(isRefusal(reason)).toBe(true);
});

it.each(['disconnected', 'timeout', 'ECONNREFUSED', 'LOADING', 'READONLY', 'MAXCLIENTS', 'NOPERMISSION'])(
  '%s is none: it may be over at any moment',
  (reason) => {
    expect(isRefusal(reason)).toBe(false);
  },
);
