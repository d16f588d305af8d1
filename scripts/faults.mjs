// npm run test:faults: makes every fault of docs/reliability.md happen, or those that are named, and holds what was
// measured to its target, and the times that it promises besides.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { endOnSignal } from './end-on-signal.mjs';
import { readOptions } from './options.mjs';
import { endAll, run } from './run.mjs';

const document = 'docs/reliability.md';
const figuresDocument = 'docs/fault-figures.md';
const rowPattern = /^\| ([FT]\d+) \|.*\|$/gm;
const usage = `npm run test:faults -- [rows] [--write]

Runs the tests of the rows of ${document}, such as F4 F41, or of all of them, one after the other, and prints what
was measured beside its target. Keep the machine idle. Exits with 1 if a test failed, a target was missed or a file of a row
told no figure.

  --write   puts the figures into ${figuresDocument}, and what came of them into ${document}
`;

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
const { wanted, isWriting } = readOptions(
  usage,
  { allowPositionals: true, options: { write: { type: 'boolean', default: false } } },
  ({ values, positionals }) => ({ wanted: rowsNamed(positionals), isWriting: values.write }),
);
const folder = mkdtempSync(join(tmpdir(), 'ai-native-backend-faults-'));
process.on('exit', () => {
  rmSync(folder, { recursive: true, force: true });
});
endOnSignal(endAll);

const testable = wanted.filter(({ tests }) => tests.length > 0);
const hasPassed = testable.length === 0 || (await test(testable));
const figures = measured();
const missed = figures.filter((figure) => !isMet(figure));
// A test that was renamed, or that left before it told anything, holds nothing to a target; others of its row do not stand in.
const silent = testable.flatMap(({ row, tests }) => silentOf(row, tests));
process.stdout.write(table(wanted, figures));
if (isWriting) write(figures);
process.stdout.write(
  `\n${testable.length} rows, ${figures.length} figures, ${missed.length + silent.length} targets missed${hasPassed ? '' : ', and tests failed: see above'}\n`,
);
process.exitCode = hasPassed && missed.length + silent.length === 0 ? 0 : 1;

/** The rows of the document's tables: name, what is checked, the files of its tests; and what stands under "Measured". */
function documented() {
  const lines = readFileSync(document, 'utf8').match(rowPattern) ?? [];
  return lines.map((line) => {
    const [row, checked, tests, outcome] = cells(line);
    return {
      row,
      checked,
      tests: [...tests.matchAll(/`(test\/[\w./-]+)`/g)].map(([, path]) => path),
      outcome,
    };
  });
}

function cells(line) {
  return line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim());
}

async function test(rows) {
  const files = [...new Set(rows.flatMap(({ tests }) => tests))];
  const titles = `(^| )(${rows.map(({ row }) => row).join('|')}): `;
  const parameters = ['scripts/test.mjs', ...files, '--runInBand', '--testNamePattern', titles];
  const { code } = await run(process.execPath, parameters, {
    env: { FIGURES_FILE: join(folder, 'figures') },
    onOutput: (chunk) => process.stderr.write(chunk),
    timeoutMs: 3 * 60 * 60_000,
  });
  return code === 0;
}

function measured() {
  try {
    const lines = readFileSync(join(folder, 'figures'), 'utf8').trim().split('\n');
    return lines.map((line) => JSON.parse(line));
  } catch {
    return [];
  }
}

/** Which of its files told nothing of a row. */
function silentOf(row, tests) {
  return tests.filter((path) => !figures.some((figure) => figure.row === row && figure.file === path));
}

/** What is no number was measured of nothing, which meets no target; JSON makes it null. */
function isMet({ value, target = {} }) {
  if (![value, ...Object.values(target)].every(Number.isFinite)) return false;
  return value <= (target.atMost ?? Infinity) && value >= (target.atLeast ?? -Infinity);
}

function table(rows, figures) {
  const lines = rows.flatMap(({ row, checked, tests, outcome }) => {
    const own = figures.filter((figure) => figure.row === row);
    const heading = `${row}  ${checked}`;
    if (tests.length === 0) return [heading, `    not run: ${outcome}`];
    return [
      heading,
      ...own.map((figure) => `    ${isMet(figure) ? ' ' : '!'} ${spoken(figure)}`),
      ...silentOf(row, tests).map((file) => `    ! no figure was told by ${file}`),
    ];
  });
  return `${lines.join('\n')}\n`;
}

function spoken({ name, value, target }) {
  return `${name}: ${value ?? 'nothing measured'}${target ? ` (${bound(target)})` : ''}`;
}

function bound({ atMost, atLeast }) {
  const limit = Math.round((atMost ?? atLeast) * 100) / 100;
  return `${atMost === undefined ? '≥' : '≤'} ${limit}`;
}

/** Figures of rows that were not measured now stay as they are. */
function write(figures) {
  const today = new Date().toISOString().slice(0, 10);
  const ofRow = (row) => figures.filter((figure) => figure.row === row);
  const before = readFileSync(figuresDocument, 'utf8');
  const lines = documented().flatMap(({ row }) => {
    const own = ofRow(row);
    if (own.length === 0) return (before.match(rowPattern) ?? []).filter((line) => cells(line)[0] === row);
    return own.map((figure) => figureLine(today, figure));
  });
  writeFileSync(figuresDocument, `${before.replace(rowPattern, '').trimEnd()}\n${lines.join('\n')}\n`);

  const text = readFileSync(document, 'utf8').replace(rowPattern, (line, row) => {
    const own = ofRow(row);
    if (own.length === 0) return line;
    return `| ${[...cells(line).slice(0, 3), outcomeOf(today, own)].join(' | ')} |`;
  });
  writeFileSync(document, text);
}

function figureLine(today, figure) {
  const { row, name, value, target } = figure;
  const told = value ?? 'nothing measured';
  return `| ${row} | ${today} | ${name} | ${isMet(figure) ? told : `**${told}**`} | ${target ? bound(target) : ''} |`;
}

function outcomeOf(today, figures) {
  const count = figures.length === 1 ? '1 figure' : `${figures.length} figures`;
  const missed = figures.filter((figure) => !isMet(figure)).length;
  return `${today}: ${count}${missed > 0 ? `, **${missed} missed**` : ''}`;
}

/** @throws for a name that the document does not have */
function rowsNamed(words) {
  const rows = documented();
  const names = words.map((name) => name.toUpperCase());
  const unknown = names.filter((name) => !rows.some(({ row }) => row === name));
  if (unknown.length > 0) throw new Error(`${document} has no ${unknown.join(', ')}`);
  return names.length === 0 ? rows : rows.filter(({ row }) => names.includes(row));
}
