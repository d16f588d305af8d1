import type { CacheModuleEvent } from '../cache.options.js';
import type { Subject } from '../engine/subject.js';
import { FakeClock } from '../testing/index.js';
import { withoutRepeats } from './without-repeats.js';

const subject = { prefix: 'book' } as Subject;

function listening() {
  const clock = new FakeClock();
  const news: CacheModuleEvent[] = [];
  const tell = withoutRepeats((event) => news.push(event), clock);
  return { clock, tell, takeNews: () => news.splice(0) };
}

it.each(['cache.get_error', 'cache.set_error'] as const)(
  'hands on %s once a minute for each reason, and again after the store was back',
  (event) => {
    const { clock, tell, takeNews } = listening();
    const failed = (reason: string): CacheModuleEvent => ({ event, subject, reason });
    const [refused, silent] = [failed('NOPERM'), failed('timeout')];

    for (let n = 0; n < 260; n++) tell(refused);
    for (let n = 0; n < 260; n++) tell(silent);
    expect(takeNews()).toEqual([refused, silent]);

    clock.advance(59_999);
    tell(refused);
    expect(takeNews()).toEqual([]);
    clock.advance(1);
    for (let n = 0; n < 260; n++) tell(refused);
    expect(takeNews()).toEqual([refused]);

    for (const back of [{ event: 'cache.breaker', state: 'closed' }, { event: 'cache.connected' }] as const) {
      for (const told of [back, refused, refused]) tell(told);
      expect(takeNews()).toEqual([back, refused]);
    }
  },
);

it('hands on once a minute what each caller has in an outage: a stale answer, a refusal, an invalidation that waits', () => {
  const { clock, tell, takeNews } = listening();
  const other = { prefix: 'shelf' } as Subject;
  const events: readonly CacheModuleEvent[] = [
    { event: 'cache.stale_served', subject, reason: 'error', staleMs: 1 },
    { event: 'cache.stale_served', subject, reason: 'timeout', staleMs: 1 },
    { event: 'cache.stale_served', subject: other, reason: 'error', staleMs: 1 },
    { event: 'cache.overloaded', subject },
    { event: 'cache.overloaded', subject: other },
    { event: 'cache.invalidate_error', tags: ['book:1'], reason: 'timeout' },
    { event: 'cache.invalidate_error', tags: ['book:1'], reason: 'NOPERM' },
    { event: 'cache.invalidated_late', count: 1 },
  ];
  const tellOften = () => {
    for (let n = 0; n < 100; n++) for (const event of events) tell(event);
  };

  tellOften();
  expect(takeNews()).toEqual(events);
  clock.advance(59_999);
  tellOften();
  expect(takeNews()).toEqual([]);
  clock.advance(1);
  tellOften();
  expect(takeNews()).toEqual(events);
});

it('takes a failed read, a failed write and an answer past the store for different news', () => {
  const { tell, takeNews } = listening();
  const events = [
    { event: 'cache.get_error', subject, reason: 'timeout' },
    { event: 'cache.set_error', subject, reason: 'timeout' },
    { event: 'cache.fallback', subject },
  ] as const;

  for (const event of [...events, ...events]) tell(event);

  expect(takeNews()).toEqual(events);
});

it('remembers a bounded number of reasons', () => {
  const { tell, takeNews } = listening();

  for (let n = 0; n < 3000; n++) tell({ event: 'cache.get_error', subject, reason: String(n) });
  expect(takeNews()).toHaveLength(3000);
  tell({ event: 'cache.get_error', subject, reason: '2999' });
  expect(takeNews()).toEqual([]);
});

describe('a server that comes and goes', () => {
  const lost = (server?: string): CacheModuleEvent => ({
    event: 'cache.reconnecting',
    attempt: 1,
    delayMs: 50,
    reason: 'timeout',
    ...(server !== undefined && { server }),
  });
  const found = (server?: string): CacheModuleEvent => ({
    event: 'cache.connected',
    ...(server !== undefined && { server }),
  });
  const breaker = (state: 'open' | 'closed'): CacheModuleEvent => ({ event: 'cache.breaker', state });

  it('is told of in twenty events a minute, then once how it stands', () => {
    const { clock, tell, takeNews } = listening();

    for (let n = 0; n < 30; n++) for (const event of [lost(), breaker('open'), found()]) tell(event);
    expect(takeNews()).toHaveLength(20);
    for (const event of [{ event: 'cache.disabled' }, { event: 'cache.ready' }] as const) tell(event);
    tell(breaker('closed'));
    tell(lost('other:1'));
    expect(takeNews()).toEqual([lost('other:1')]);

    clock.advance(59_999);
    expect(takeNews()).toEqual([]);
    clock.advance(1);
    expect(takeNews()).toEqual([found(), breaker('closed'), { event: 'cache.ready' }]);
    clock.advance(600_000);
    expect(takeNews()).toEqual([]);
    tell(lost());
    expect(takeNews()).toEqual([lost()]);
  });

  it('does not end the process by a listener that throws', () => {
    const clock = new FakeClock();
    let told = 0;
    const tell = withoutRepeats(() => {
      if (++told > 20) throw new Error('the listener is broken');
    }, clock);
    for (let n = 0; n < 20; n++) for (const event of [breaker('open'), found()]) tell(event);

    expect(() => {
      clock.advance(60_000);
    }).not.toThrow();
    expect(told).toBe(22);
  });

  it('counts what is told at the end of a minute among those of the next', () => {
    const { clock, tell, takeNews } = listening();
    const comeAndGo = () => {
      for (let n = 0; n < 30; n++) for (const event of [lost(), found()]) tell(event);
      return takeNews().length;
    };

    expect(comeAndGo()).toBe(20);
    clock.advance(60_000);
    expect(takeNews()).toEqual([found()]);
    expect(comeAndGo()).toBe(19);
  });

  it('lets what it costs its callers be told no more often than it is told of itself', () => {
    const { clock, tell, takeNews } = listening();
    const past: CacheModuleEvent = { event: 'cache.fallback', subject };

    for (let n = 0; n < 30; n++) for (const event of [lost(), past, found()]) tell(event);
    expect(takeNews().filter(({ event }) => event === 'cache.fallback')).toHaveLength(11);
    clock.advance(59_000);
    tell(past);
    expect(takeNews()).toEqual([]);
    clock.advance(1000);
    tell(past);
    expect(takeNews()).toEqual([found(), past]);
  });
});
