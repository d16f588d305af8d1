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

it('takes what it has forgotten for what may have been, whatever comes after that', () => {
  const log = new InvalidationLog();
  const { position } = log;
  log.record(['a']);
  for (let n = 0; n < 100_000; n++) log.record([`other:${n}`]);

  expect(log.isQuietSince(position, ['a'])).toBe(false);
  expect(log.isQuietSince(log.position, ['a'])).toBe(true);
  log.record(['other:99999']);
  expect(log.isQuietSince(position, ['a'])).toBe(false);
});

it('takes what it may have missed for what has been, however much comes after that', () => {
  const log = new InvalidationLog();
  for (let n = 0; n < 100_000; n++) log.record([`other:${n}`]);
  const before = log.position;
  log.forget();
  const after = log.position;

  for (const tag of ['b', 'c']) {
    expect(log.isQuietSince(before, ['never named'])).toBe(false);
    expect(log.isQuietSince(after, ['never named'])).toBe(true);
    log.record([tag]);
  }
});
