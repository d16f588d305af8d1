import type { CacheModuleEvent } from './cache.options.js';
import type { Subject } from './engine/subject.js';
import { withoutRepeats } from './without-repeats.js';

const subject = { prefix: 'book' } as Subject;

function listening() {
  const clock = { nowMs: 0, monotonicMs: () => clock.nowMs };
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

    clock.nowMs = 59_999;
    tell(refused);
    expect(takeNews()).toEqual([]);
    clock.nowMs = 60_000;
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
  ];
  const tellOften = () => {
    for (let n = 0; n < 100; n++) for (const event of events) tell(event);
  };

  tellOften();
  expect(takeNews()).toEqual(events);
  clock.nowMs = 59_999;
  tellOften();
  expect(takeNews()).toEqual([]);
  clock.nowMs = 60_000;
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
