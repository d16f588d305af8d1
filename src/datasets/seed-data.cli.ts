import { parseArgs } from 'node:util';
import type { DataSource } from 'typeorm';
import { CommandRefused, runCommand, success, type Outcome } from '../command/run-command.js';
import { isRealDay } from '../http/real-day.js';
import { dumpSha256, writeDump } from './dump.js';
import { failureLine } from './failure-line.js';
import { generate } from './generator/generate.js';
import { type PresetName, presetNames } from './generator/presets.js';
import { refuseReset } from './refuse-reset.js';
import { showProgress } from './show-progress.js';
import { whenItShows } from './when-it-shows.js';

const usage = `Fills the database with made-up data of realistic shape. The same options give the same rows.

  npm run seed:data -- [--preset demo] [--seed 42] [--as-of 2026-02-05T18:52:18Z] [--reset]

  --preset  ${presetNames.join(', ')}; default demo
  --seed    a whole number; default 42
  --as-of   the moment the data are "now" at, ISO 8601; default: now
  --reset   delete everything in the database first; in production together with --yes-delete-everything
  --dump    write the rows to this new file as NDJSON instead
  --sha256  only print the SHA-256 of that NDJSON

The database is that of DATABASE_URL, else the service's own in DATA_DIR.`;

interface Wish {
  readonly preset: PresetName;
  readonly seed: number;
  readonly asOf: Date;
  readonly reset: boolean;
  readonly isResetMeant: boolean;
  readonly dump: string | undefined;
  readonly sha256: boolean;
}

function wishOf(words: string[]): Wish | undefined {
  const { values } = parseArgs({
    args: words,
    options: {
      preset: { type: 'string', default: 'demo' },
      seed: { type: 'string', default: '42' },
      'as-of': { type: 'string' },
      reset: { type: 'boolean', default: false },
      'yes-delete-everything': { type: 'boolean', default: false },
      dump: { type: 'string' },
      sha256: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return undefined;
  const preset = presetNames.find((name) => name === values.preset);
  if (!preset) throw new CommandRefused(`--preset must be one of ${presetNames.join(', ')}.`);
  if (!/^\d{1,15}$/.test(values.seed)) throw new CommandRefused('--seed must be a whole number such as 42.');
  const asOf = asOfFrom(values['as-of']);
  return {
    preset,
    seed: Number(values.seed),
    asOf,
    reset: values.reset,
    isResetMeant: values['yes-delete-everything'],
    dump: values.dump,
    sha256: values.sha256,
  };
}

function asOfFrom(text: string | undefined): Date {
  if (text === undefined) return new Date();
  const asOf = new Date(text);
  const isMoment = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d))?$/.test(text);
  const year = asOf.getUTCFullYear();
  if (isMoment && isRealDay(text) && year >= 1980 && year <= 2200) return asOf;
  throw new CommandRefused(
    '--as-of must be a moment such as 2026-02-05T18:52:18Z, of the years 1980 to 2200.',
  );
}

async function main(words: string[]): Promise<Outcome> {
  const wish = wishOf(words);
  if (wish === undefined) return success(usage);
  if (wish.sha256 || wish.dump !== undefined) {
    const tables = generate(wish.preset, wish.seed, wish.asOf);
    return success(wish.dump === undefined ? dumpSha256(tables) : await writeDump(tables, wish.dump));
  }
  // Loaded only now: a wrong option is answered at once.
  const { withDatabase } = await import('./with-database.js');
  const loaded = await withDatabase(
    (dataSource) => load(dataSource, wish),
    wish.reset && !wish.isResetMeant ? refuseReset : undefined,
  );
  return success(loaded);
}

/** Returns what it loaded, for people. */
async function load(dataSource: DataSource, wish: Wish): Promise<string> {
  const { loadPreset } = await import('./load-preset.js');
  const startedAtMs = Date.now();
  let progress: ReturnType<typeof showProgress> | undefined;
  try {
    const { rows } = await loadPreset(dataSource, {
      preset: wish.preset,
      seed: wish.seed,
      asOf: wish.asOf,
      whenNotEmpty: wish.reset ? 'reset' : 'refuse',
      onProgress: ({ rows: sent, totalRows, table }) => {
        progress ??= showProgress(totalRows, 'rows');
        progress.at(sent, table);
      },
    });
    const counts = Object.entries(rows).map(([table, count]) => `${count} ${table}`);
    return `Loaded ${wish.preset} as of ${wish.asOf.toISOString()}: ${counts.join(', ')}.
It took ${((Date.now() - startedAtMs) / 1000).toFixed(1)} s. ${whenItShows}`;
  } finally {
    progress?.end();
  }
}

await runCommand(main, { lineOf: failureLine });
