import { InvalidationLog } from './invalidation-log.js';

it('tells which tags were invalidated after a position', () => {
  const log = new InvalidationLog();
  log.record(['a']);
  const { position } = log;
  expect(log.isQuietSince(position, ['a', 'b'])).toBe(true);

  log.record(['b']);

  expect(log.isQuietSince(position, ['a'])).toBe(true);
  expect(log.isQuietSince(position, ['a', 'b'])).toBe(false);
});

it('takes what it has forgotten for what may have been', () => {
  const log = new InvalidationLog();
  const { position } = log;
  log.record(['a']);
  for (let n = 0; n < 100_000; n++) log.record([`other:${n}`]);

  expect(log.isQuietSince(position, ['a'])).toBe(false);
  expect(log.isQuietSince(log.position, ['a'])).toBe(true);
  const later = log.position;
  log.forget();
  expect(log.isQuietSince(later, ['never named'])).toBe(false);
});
