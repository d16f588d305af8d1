import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { figure, isMeasuring } from '../support/figures.js';

jest.setTimeout(isMeasuring ? 2_400_000 : 120_000);

const root = resolve(__dirname, '../..');
/** Shorter, and without a nemesis, where it is only to be seen that the command and its verdict work. */
const minutes = isMeasuring ? '10' : '0.1';
const broken = isMeasuring ? 'all' : 'none';

interface History {
  readonly code: number;
  readonly reads: number;
  readonly writes: number;
  /** Answers that were behind by more than 0, 10, 100, 300 and 1,000 ms, in this order, each with those before it. */
  readonly behind: readonly number[];
  readonly output: string;
}

/** `npm run test:history` for so long; read are its exit code and its table of how far answers were behind. */
async function history(mode: 'strong' | 'bounded', nemesis: string, forMinutes: string): Promise<History> {
  const rest = isMeasuring ? '0' : '100';
  const kind = ['--mode', mode, '--nemesis', nemesis];
  const parameters = [...kind, '--minutes', forMinutes, '--reads', '1', '--rest', rest];
  const child = spawn(process.execPath, [join(root, 'scripts/history.mjs'), ...parameters], { cwd: root });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  }
  const [code] = (await once(child, 'close')) as [number];
  const count = (text = '') => Number(text.replaceAll(',', ''));
  const told = /^([\d,]+) reads \(.*hits\), ([\d,]+) writes/m.exec(output);
  const cells = /^\| reads \|(.*)\|$/m.exec(output)?.[1]?.split('|') ?? [];
  const behind = cells.slice(1).map((cell) => count(cell.trim()));
  return {
    code,
    reads: count(told?.[1]),
    writes: count(told?.[2]),
    behind: behind.map((_, from) => behind.slice(from).reduce((sum, some) => sum + some, 0)),
    output,
  };
}

function expectRight({ code, reads, behind, output }: History): void {
  expect(output).toMatch(/^nothing was older than/m);
  expect(reads).toBeGreaterThan(20);
  expect(behind).toHaveLength(5);
  // On a busy machine a short run may see too little to call it enough.
  if (isMeasuring) expect([code, code === 0 ? '' : output]).toEqual([0, '']);
}

let strong: Promise<History>;
let bounded: Promise<History>;

// Short ones mostly wait, so they do it together; those that are measured have the machine to themselves.
beforeAll(() => {
  strong = history('strong', broken, minutes);
  const bounding = () => history('bounded', broken, minutes);
  bounded = isMeasuring ? strong.then(bounding) : bounding();
});

it('F55: strong: no answer is older than a write that was acknowledged before it was asked for', async () => {
  const seen = await strong;

  figure('F55', `strong, ${broken}, ${minutes} min: reads`, seen.reads, { atLeast: 1e7 });
  figure('F55', `strong, ${broken}, ${minutes} min: writes`, seen.writes, { atLeast: 1e5 });
  figure('F55', `strong, ${broken}, ${minutes} min: old answers`, seen.behind[0] ?? NaN, { atMost: 0 });
  expectRight(seen);
  expect(seen.behind[0]).toBe(0);
});

it('F55: bounded: no answer is a second older, and hardly any is noticeably so', async () => {
  const seen = await bounded;
  const calm = isMeasuring ? await history('bounded', 'none', '1') : seen;

  const [, , share = NaN] = seen.behind.map((count) => (1e6 * count) / seen.reads);
  figure('F55', `bounded, ${broken}, ${minutes} min: reads`, seen.reads);
  figure('F55', 'bounded: old by more than 1 s', seen.behind[4] ?? NaN, { atMost: 0 });
  figure('F55', 'bounded: old by more than 100 ms, of a million', share, { atMost: 100 });
  figure('F55', 'bounded, nothing broken: old by more than 100 ms', calm.behind[2] ?? NaN, { atMost: 0 });
  expectRight(seen);
  expectRight(calm);
  expect(seen.behind[4]).toBe(0);
});
