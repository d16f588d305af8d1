import { InvalidationLog } from './invalidation-log.js';

it('tells which tags were invalidated after a moment', () => {
  const log = new InvalidationLog();
  log.record(['a']);
  const moment = log.mark();
  expect(log.isQuietSince(moment, ['a', 'b'])).toBe(true);

  log.record(['b']);

  expect(log.isQuietSince(moment, ['a'])).toBe(true);
  expect(log.isQuietSince(moment, ['a', 'b'])).toBe(false);
});

it('takes what it has forgotten for what may have been', () => {
  const log = new InvalidationLog();
  const moment = log.mark();
  log.record(['a']);
  for (let n = 0; n < 100_000; n++) log.record([`other:${n}`]);

  expect(log.isQuietSince(moment, ['a'])).toBe(false);
  expect(log.isQuietSince(log.mark(), ['a'])).toBe(true);
  const later = log.mark();
  log.forget();
  expect(log.isQuietSince(later, ['never named'])).toBe(false);
});
