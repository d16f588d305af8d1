import { ConnectionReport } from './connection-report.js';
import type { RedisEvent } from './redis-events.js';
import { FakeClock } from '../testing/index.js';

const url = 'redis://h:6379/0';
let clock: FakeClock;
let events: RedisEvent[];
let report: ConnectionReport;

beforeEach(() => {
  clock = new FakeClock();
  events = [];
  report = new ConnectionReport((event) => void events.push(event), url, clock);
  events = [];
});

const told = () =>
  events.splice(0).map((event) => ('reason' in event ? `${event.event} ${event.reason}` : event.event));

it('tells why a server that was lost is still away, each reason once a minute', () => {
  report.up();
  report.down('SocketClosedUnexpectedlyError', 1, 100);
  expect(told()).toEqual([
    'cache.connected',
    'cache.ready',
    'cache.reconnecting SocketClosedUnexpectedlyError',
    'cache.disabled',
  ]);

  for (let n = 0; n < 10; n++) report.down('MAXCLIENTS', n, 100);
  report.down('ECONNREFUSED', 11, 100);
  report.down('MAXCLIENTS', 12, 100);
  expect(told()).toEqual(['cache.connect_failed MAXCLIENTS', 'cache.connect_failed ECONNREFUSED']);

  clock.advance(60_000);
  report.down('MAXCLIENTS', 13, 100);
  expect(told()).toEqual(['cache.connect_failed MAXCLIENTS']);

  report.up();
  report.down('MAXCLIENTS', 1, 100);
  report.down('ECONNREFUSED', 2, 100);
  expect(told().slice(2)).toEqual([
    'cache.reconnecting MAXCLIENTS',
    'cache.disabled',
    'cache.connect_failed ECONNREFUSED',
  ]);
});

it('has the latest reason while any server is away, and none after that', () => {
  report.up('a');
  report.up('b');
  expect([report.whyAway, report.isRefused]).toEqual([undefined, false]);

  report.down('WRONGPASS', 1, 100, 'a');
  report.down('ECONNREFUSED', 1, 100, 'b');
  expect([report.whyAway, report.isRefused]).toEqual(['ECONNREFUSED', true]);

  report.up('b');
  expect([report.whyAway, report.isRefused]).toEqual(['WRONGPASS', true]);
  report.up('a');
  expect([report.whyAway, report.isRefused]).toEqual([undefined, false]);
});
