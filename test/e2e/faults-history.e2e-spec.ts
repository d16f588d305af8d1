import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { nemesisNames } from '../history/nemeses.js';
import { figure, isMeasuring } from '../support/figures.js';

jest.setTimeout(isMeasuring ? 2_400_000 : 120_000);

const root = resolve(__dirname, '../..');
/** Shorter, and without a nemesis, where it is only to be seen that the command and its verdict work. */
const minutes = isMeasuring ? '10' : '0.2';
const broken = isMeasuring ? 'all' : 'none';
/** How far clocks are off, minutes: of three processes one is ahead, one behind. */
const OFF = '10';

interface History {
  readonly code: number;
  readonly reads: number;
  readonly writes: number;
  /** How far behind the oldest answer was, ms. */
  readonly oldestMs: number;
  /** What is said of the time in which each nemesis struck: how often it did, and how many reads were answered. */
  readonly struck: ReadonlyMap<string, { readonly times: number; readonly reads: number }>;
  /** Answers that were older than is promised; what a pending write leaves behind is not, for 2 s. */
  readonly stale: number;
  /** Answers that were behind by more than 0, 10, 100, 300 and 1,000 ms, in this order, each with those before it. */
  readonly behind: readonly number[];
  readonly output: string;
}

interface Kind {
  readonly mode: 'strong' | 'bounded';
  readonly nemesis: string;
  readonly minutes: string;
  readonly clocks?: string;
  readonly processes?: string;
  readonly 'reads-per-write'?: string;
}

const histories = new Map<string, Promise<History>>();
const running = new Set<ChildProcess>();

/** That of a run of this kind, which is made once. */
function history(kind: Kind): Promise<History> {
  const name = JSON.stringify(kind);
  const seen = histories.get(name) ?? newHistory(kind);
  histories.set(name, seen);
  return seen;
}

/** `npm run test:history`; read are its exit code and its tables. */
async function newHistory({ clocks = '0', processes = '3', ...kind }: Kind): Promise<History> {
  const rest = isMeasuring ? '0' : '100';
  const options = { ...kind, clocks, processes, reads: '1', rest };
  const parameters = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
  const child = spawn(process.execPath, [join(root, 'scripts/history.mjs'), ...parameters], { cwd: root });
  running.add(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  }
  const [code] = (await once(child, 'close')) as [number];
  running.delete(child);
  const count = (text = '') => Number(text.replaceAll(',', ''));
  const told = /^([\d,]+) reads \(.*hits\), ([\d,]+) writes/m.exec(output);
  const cells = /^\| reads \|(.*)\|$/m.exec(output)?.[1]?.split('|') ?? [];
  const behind = cells.slice(1).map((cell) => count(cell.trim()));
  const struck = [...output.matchAll(/^\| ([a-z-]+) \| ([\d,]+) \| ([\d,]+) \|/gm)];
  return {
    code,
    oldestMs: count(/^the oldest was behind by (\d+) ms$/m.exec(output)?.[1] ?? 'nothing told'),
    struck: new Map(
      struck.map(([, name = '', times, reads]) => [name, { times: count(times), reads: count(reads) }]),
    ),
    reads: count(told?.[1]),
    writes: count(told?.[2]),
    stale: count(/^([\d,]+) stale/m.exec(output)?.[1] ?? 'nothing told'),
    behind: behind.map((_, from) => behind.slice(from).reduce((sum, some) => sum + some, 0)),
    output,
  };
}

function expectRight({ code, reads, stale, behind, output }: History): void {
  expect(stale).toBe(0);
  expect(output).toMatch(/^nothing was older than/m);
  expect(reads).toBeGreaterThan(20);
  expect(behind).toHaveLength(5);
  // On a busy machine a short run may see too little to call it enough.
  if (isMeasuring) expect([code, code === 0 ? '' : output]).toEqual([0, '']);
}

/** Where they are short, clocks are off in them too, and they show both. */
const [clocks, rows] = isMeasuring ? ['0', 'F55: '] : [OFF, 'F28: F55: '];
const writing = isMeasuring ? {} : { 'reads-per-write': '3' };
const strong: Kind = { mode: 'strong', nemesis: broken, minutes, clocks, ...writing };
const bounded: Kind = { mode: 'bounded', nemesis: broken, minutes, clocks, ...writing };
const ofSubscribers = (nemesis: string): Kind => ({
  mode: 'bounded',
  nemesis: isMeasuring ? nemesis : 'subscribers-killed,subscribers-silent',
  minutes: isMeasuring ? '0.5' : '0.2',
  processes: isMeasuring ? '3' : '2',
  // So much is written that some of it nobody would hear of.
  'reads-per-write': '10',
});

// Short ones mostly wait, so they do it together; those that are measured have the machine to themselves.
beforeAll(() => {
  if (!isMeasuring) for (const kind of [strong, bounded, ofSubscribers('')]) void history(kind);
});

// Those that no test of this run has asked for.
afterAll(() =>
  Promise.all(
    [...running].map((child) => {
      const ended = once(child, 'close');
      child.kill();
      return ended;
    }),
  ),
);

it(`${rows}strong: no answer is older than a write that was acknowledged before it was asked for`, async () => {
  const seen = await history(strong);

  figure('F55', `strong, ${broken}, ${minutes} min: reads`, seen.reads, { atLeast: 1e7 });
  figure('F55', `strong, ${broken}, ${minutes} min: writes`, seen.writes, { atLeast: 1e5 });
  figure('F55', `strong, ${broken}, ${minutes} min: old answers`, seen.stale, { atMost: 0 });
  if (isMeasuring)
    figure('F55', 'strong: kinds of faults that struck', seen.struck.size, { atLeast: nemesisNames.length });
  expectRight(seen);
  expect(seen.writes).toBeGreaterThan(10);
});

it(`${rows}bounded: no answer is a second older, and hardly any is noticeably so`, async () => {
  const seen = await history(bounded);
  const calm = isMeasuring ? await history({ mode: 'bounded', nemesis: 'none', minutes: '1' }) : seen;

  const [, , share = NaN] = seen.behind.map((count) => (1e6 * count) / seen.reads);
  figure('F55', `bounded, ${broken}, ${minutes} min: reads`, seen.reads);
  figure('F55', 'bounded: old by more than 1 s', seen.stale, { atMost: 0 });
  figure('F55', 'bounded: old by more than 100 ms, of a million', share, { atMost: 100 });
  figure('F55', 'bounded, nothing broken: old by more than 100 ms', calm.behind[2] ?? NaN, { atMost: 0 });
  expectRight(seen);
  expectRight(calm);
});

if (isMeasuring) {
  it('F28: processes whose clocks are ten minutes ahead and behind see nothing old', async () => {
    const calm = { minutes: '0.5', nemesis: 'none', clocks: OFF, 'reads-per-write': '10' };
    const [inStrong, inBounded] = [
      await history({ ...strong, ...calm }),
      await history({ ...bounded, ...calm }),
    ];

    figure('F28', 'three processes, strong: reads', inStrong.reads);
    figure('F28', 'three processes, strong: old answers', inStrong.stale, { atMost: 0 });
    figure('F28', 'three processes, strong: writes', inStrong.writes);
    figure('F28', 'three processes, bounded: reads', inBounded.reads);
    figure('F28', 'three processes, bounded: old by more than 1 s', inBounded.stale, { atMost: 0 });
    for (const seen of [inStrong, inBounded]) expectRight(seen);
    expect(inStrong.writes).toBeGreaterThan(10);
  });
}

it.each([
  ['F24: subscribers that are killed twice a second', 'subscribers-killed'],
  ['F25: subscribers that hear nothing', 'subscribers-silent'],
])('%s: what a process holds is believed for a second at most', async (title, nemesis) => {
  const seen = await history(ofSubscribers(nemesis));

  const row = title.slice(0, 3);
  const struck = seen.struck.get(nemesis);
  figure(row, `${nemesis}: reads`, struck?.reads ?? 0);
  figure(row, `${nemesis}: old answers for at most, ms`, seen.oldestMs, { atMost: 1000 });
  expectRight(seen);
  expect(struck?.times).toBeGreaterThan(0);
  expect(struck?.reads).toBeGreaterThan(20);
});
