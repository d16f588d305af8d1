import { checkHistory, type Tolerance } from './check-history.js';
import type { Operation } from './operation.js';

const strong: Tolerance = { staleMs: 0, pendingMs: 2000, orderMs: 2000 };

const write = (version: number | undefined, fromMs: number, toMs?: number, more = {}): Operation => ({
  kind: 'write',
  process: 0,
  key: 1,
  invokedUs: fromMs * 1000,
  ...(toMs === undefined ? {} : { returnedUs: toMs * 1000 }),
  ...(version === undefined ? {} : { version }),
  ...more,
});
const read = (version: number, fromMs: number, toMs = fromMs + 1, more = {}): Operation => ({
  kind: 'read',
  process: 1,
  key: 1,
  of: 1,
  version,
  invokedUs: fromMs * 1000,
  returnedUs: toMs * 1000,
  ...more,
});
const found = (operations: Operation[], tolerance = strong) =>
  checkHistory(operations, tolerance).violations.map(({ kind, lagMs }) => [kind, lagMs]);

it('finds nothing in what one copy would have answered', () => {
  const history = [read(0, 0), write(1, 10, 20), read(1, 21), write(2, 30, 40), read(2, 50)];

  expect(checkHistory(history, strong)).toMatchObject({ reads: 3, writes: 2, violations: [], tolerated: [] });
});

it('lets a read that overlaps a write give either', () => {
  expect(found([write(1, 10, 20), read(0, 5, 15), read(1, 12, 13), read(0, 19.5, 30)])).toEqual([]);
});

it('finds what is older than an acknowledged write, and for how long it had been', () => {
  const history = [write(1, 10, 20), write(2, 30, 40), read(0, 50)];
  const [finding] = checkHistory(history, strong).violations;

  expect(finding).toMatchObject({ kind: 'stale', lagMs: 30, against: history[0], read: history[2] });
});

it('tolerates what bounded promises, and no more', () => {
  const bounded = { ...strong, staleMs: 1000 };

  expect(found([write(1, 10, 20), read(0, 900)], bounded)).toEqual([]);
  expect(checkHistory([write(1, 10, 20), read(0, 900)], bounded).tolerated).toHaveLength(1);
  expect(found([write(1, 10, 20), read(0, 1100)], bounded)).toEqual([['stale', 1080]]);
});

it('takes a write of unknown outcome for possible, never for acknowledged', () => {
  expect(found([write(undefined, 10), read(0, 50)])).toEqual([]);
  expect(found([write(undefined, 10), read(1, 50)])).toEqual([]);
  expect(found([write(undefined, 10), read(2, 50)])).toEqual([['future', 0]]);
});

it('finds what nobody had written yet', () => {
  expect(found([read(1, 0), write(1, 10, 20)])).toEqual([['future', 0]]);
});

it('finds what a write made that began only later, also where another one may have come before', () => {
  expect(found([write(undefined, 0), read(1, 5, 6), write(1, 10, 20)])).toEqual([['future', 0]]);
});

it('finds the answer to another question, and takes it for news of that one alone', () => {
  const answers = [write(1, 0, 1), write(2, 0, 9000), read(2, 10, 11, { of: 2 }), read(1, 8000)];

  expect(found(answers)).toEqual([['crossing', 0]]);
});

it('finds the answer of another user, and takes it for news of nobody', () => {
  const own = (user: number, ofUser: number, fromMs: number, version = 0) =>
    read(version, fromMs, fromMs + 1, { user, ofUser });

  expect(found([own(1, 1, 0), own(2, 2, 1), own(1, 2, 2)])).toEqual([['crossing', 0]]);
  expect(found([write(1, 0, 9000), own(1, 2, 10, 1), own(1, 1, 8000)])).toEqual([['crossing', 0]]);
  expect(found([read(0, 0, 1, { ofUser: 1 })])).toEqual([['crossing', 0]]);
});

it('judges both keys of an answer that is of two, and counts it once', () => {
  const pair = (version: number, of = 2) => read(0, 50, 51, { also: { key: 2, of, version } });
  const history = [write(1, 10, 20, { key: 2 }), pair(0)];

  expect(checkHistory(history, strong)).toMatchObject({
    reads: 1,
    behindMs: [30],
    violations: [{ kind: 'stale', read: { key: 2 } }],
  });
  expect(found([...history.slice(0, 1), pair(1)])).toEqual([]);
  expect(found([...history.slice(0, 1), pair(1, 3)])).toEqual([['crossing', 0]]);
});

it('finds what one route shows older than another route did', () => {
  const seen = read(1, 10, 11, { route: 'pair' });

  expect(found([write(undefined, 0), seen, read(0, 3000, 3001, { route: 'listed' })])).toEqual([
    ['order', 2989],
  ]);
});

it('finds who went back behind another reader, once that may not be any more', () => {
  const unacknowledged = [write(undefined, 0), read(1, 10, 11)];

  expect(found([...unacknowledged, read(0, 500)])).toEqual([]);
  expect(checkHistory([...unacknowledged, read(0, 500)], strong).tolerated).toMatchObject([
    { kind: 'order' },
  ]);
  expect(found([...unacknowledged, read(0, 3000)])).toEqual([['order', 2989]]);
});

it('gives a pending write its time', () => {
  const pending = write(1, 10, 20, { isPending: true });

  expect(found([pending, read(0, 1000)])).toEqual([]);
  expect(found([pending, read(0, 2500)])).toEqual([['stale', 480]]);
});

it('tells how far behind an answer was from the acknowledgement on, also of a pending write', () => {
  const pending = write(1, 10, 20, { isPending: true });
  const whole = write(2, 30, 40);

  expect(checkHistory([pending, read(0, 1000), read(1, 1500)], strong)).toMatchObject({
    behindMs: [980],
    violations: [],
  });
  expect(checkHistory([pending, whole, read(0, 1000), read(1, 50)], strong).behindMs).toEqual([980, 10]);
  expect(checkHistory([whole, read(2, 1000)], strong).behindMs).toEqual([]);
});

it('judges each key by itself', () => {
  expect(found([write(1, 10, 20), read(0, 50, 51, { key: 2, of: 2 })])).toEqual([]);
});

it('sees one old answer among a million', () => {
  const history: Operation[] = [];
  for (let n = 1; n <= 500_000; n++) history.push(write(n, n * 10, n * 10 + 2), read(n, n * 10 + 3));
  history.push(read(250_000, 2_500_017));

  expect(found(history)).toEqual([['stale', 5]]);
});
