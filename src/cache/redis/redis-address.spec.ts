import { maskedUrl, redisTarget, type RedisTargetOptions } from './redis-address.js';

const clientName = 'shop-cache';
const login = { tls: false, username: undefined, password: undefined, database: 0, clientName };

describe('where Redis is', () => {
  it.each<[RedisTargetOptions, ReturnType<typeof redisTarget>]>([
    [{ url: 'redis://h' }, { kind: 'server', server: { host: 'h', port: 6379 }, login }],
    [
      { url: 'rediss://me:p%40ss@[::1]:7000/3' },
      {
        kind: 'server',
        server: { host: '::1', port: 7000 },
        login: { tls: true, username: 'me', password: 'p@ss', database: 3, clientName },
      },
    ],
    [
      { url: 'redis://me@h', password: 'pw' },
      {
        kind: 'server',
        server: { host: 'h', port: 6379 },
        login: { ...login, username: 'me', password: 'pw' },
      },
    ],
    [
      { url: 'redis://h', password: '' },
      { kind: 'server', server: { host: 'h', port: 6379 }, login },
    ],
    [
      { clusterNodes: ['a:7000', '[::1]:7001', 'b'], username: 'me', password: 'pw', tls: true },
      {
        kind: 'cluster',
        nodes: [
          { host: 'a', port: 7000 },
          { host: '::1', port: 7001 },
          { host: 'b', port: 6379 },
        ],
        login: { tls: true, username: 'me', password: 'pw', database: 0, clientName },
      },
    ],
    [
      { sentinels: ['a:1', 'b'], database: 2 },
      {
        kind: 'sentinel',
        sentinels: [
          { host: 'a', port: 1 },
          { host: 'b', port: 26379 },
        ],
        masterName: 'mymaster',
        login: { ...login, database: 2 },
      },
    ],
  ])('is read from %j', (options, expected) => {
    expect(redisTarget(options, clientName)).toEqual(expected);
  });

  it.each<[string, RedisTargetOptions]>([
    ['exactly one', {}],
    ['exactly one', { url: 'redis://h', clusterNodes: ['h:1'] }],
    ['exactly one', { sentinels: ['h:1'], clusterNodes: ['h:1'] }],
    ['redis.sentinelMaster', { url: 'redis://h', sentinelMaster: 'm' }],
    ['part of redis.url', { url: 'redis://h', username: 'me' }],
    ['part of redis.url', { url: 'redis://h', tls: false }],
    ['only database 0', { clusterNodes: ['h:1'], database: 1 }],
    ['whole number', { sentinels: ['h:1'], database: 1.5 }],
    ['is empty', { clusterNodes: [] }],
    ['host:port', { sentinels: ['redis://h:1'] }],
    ['redis.url must look like', { url: 'http://h' }],
    ['must look like', { url: 'redis://:p#w@h' }],
    ['the path of redis.url must be a database number', { url: 'redis://h/x' }],
    [
      'redis.url and redis.password hold different passwords',
      { url: 'redis://:secret@h', password: 'other' },
    ],
    ['in redis.url has a percent sign', { url: 'redis://:100%@h' }],
    ['a user and no password', { url: 'redis://secret@h' }],
    ['a user and no password', { url: 'redis://secret@h', password: '' }],
    ['a user and no password', { clusterNodes: ['h:1'], username: 'me' }],
    ['a user and no password', { sentinels: ['h:1'], username: 'me' }],
  ])('is refused with "%s", and never repeated, when it is %j', (told, options) => {
    let message = '';
    try {
      redisTarget(options, clientName);
    } catch (error) {
      expect(error).toMatchObject({ code: 'CACHE_INVALID_OPTIONS' });
      message = (error as Error).message;
    }

    expect(message).toContain(told);
    expect(message).not.toMatch(/secret|p#w|100%@/);
  });

  it.each<[string, RedisTargetOptions]>([
    ['redis://***@h:6379/0', { url: 'redis://:pw@h' }],
    ['rediss://[::1]:6379/4', { url: 'rediss://[::1]/4' }],
    ['rediss+cluster://***@a:1,[::1]:2', { clusterNodes: ['a:1', '[::1]:2'], password: 'pw', tls: true }],
    ['redis+sentinel://***@a:1/mymaster/2', { sentinels: ['a:1'], username: 'default', database: 2 }],
    ['redis+sentinel://a:26379/m', { sentinels: ['a'], sentinelMaster: 'm' }],
  ])('is shown as %s', (shown, options) => {
    expect(maskedUrl(redisTarget(options, clientName))).toBe(shown);
  });
});
