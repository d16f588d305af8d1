import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { CommandRefused, runCommand, success, type Outcome } from '../command/run-command.js';
import { failureLine } from './failure-line.js';
import type { OuladOptions } from './oulad/oulad-options.js';
import { readStarts } from './oulad/starts.js';
import { showProgress } from './show-progress.js';
import { whenItShows } from './when-it-shows.js';

const usage = `Imports the Open University Learning Analytics Dataset, or files in its format.

  npm run import:oulad -- --dir <folder>

  --dir                the folder of courses.csv, studentInfo.csv and the others
  --start              first day of all presentations (2026-01-12), or of one (2013J=2013-10-05; may be repeated);
                       default: 1 February for B, 1 October for J of the year
  --as-of-day          import only what had happened by this day of each presentation; in one database it can only move on,
                       whichever files are read
  --materials          also import the pages of vle.csv, as activities that are not required
  --with-demographics  also import gender, region, education, deprivation, age and disability, into a table apart
  --rejects            where records go that cannot be imported; default ./rejects.ndjson. A file that holds anything else is
                       refused

It may be interrupted and repeated; files with rejects are read again once what those name may be there.
What was corrected in a file is corrected in the database. Only a studentVle.csv with any change is taken for new events, all of
them, as nothing tells its clicks from those of before.
It leaves alone what somebody has told through the API since: grades, submissions, who was enrolled and when, how an enrollment
ended, when work is due and how much it weighs, when a course ends.
The database is that of DATABASE_URL, else the service's own in DATA_DIR.`;

function optionsOf(words: string[]): OuladOptions | undefined {
  const { values } = parseArgs({
    args: words,
    options: {
      dir: { type: 'string' },
      start: { type: 'string', multiple: true, default: [] },
      'as-of-day': { type: 'string' },
      materials: { type: 'boolean', default: false },
      'with-demographics': { type: 'boolean', default: false },
      rejects: { type: 'string', default: 'rejects.ndjson' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return undefined;
  if (values.dir === undefined) throw new CommandRefused('--dir is needed: the folder of the CSV files.');
  const day = values['as-of-day'];
  if (day !== undefined && !/^\d{1,4}$/.test(day)) {
    throw new CommandRefused('--as-of-day must be a whole number of days such as 90.');
  }
  return {
    dir: resolve(values.dir),
    rejectsFile: resolve(values.rejects),
    starts: readStarts(values.start),
    materials: values.materials,
    withDemographics: values['with-demographics'],
    asOfDay: day === undefined ? null : Number(day),
  };
}

async function main(words: string[]): Promise<Outcome> {
  const options = optionsOf(words);
  if (options === undefined) return success(usage);
  // Loaded only now: a wrong option is answered at once.
  const { withDatabase } = await import('./with-database.js');
  const { importOulad } = await import('./oulad/import-oulad.js');
  const { summaryText } = await import('./oulad/summary-text.js');
  let progress: ReturnType<typeof showProgress> | undefined;
  try {
    const summary = await withDatabase((dataSource) =>
      importOulad(dataSource, options, {
        onProgress: ({ bytes, totalBytes, file }) => {
          progress ??= showProgress(totalBytes, 'bytes');
          progress.at(bytes, file);
        },
        onRetry: ({ file, row, code }) => {
          console.error(
            `${file}: written once more from record ${row} on, as another transaction was in the way (${code}).`,
          );
        },
      }),
    );
    return success(`${summaryText(summary, options.rejectsFile)}\n${whenItShows}`);
  } finally {
    progress?.end();
  }
}

await runCommand(main, { lineOf: failureLine });
