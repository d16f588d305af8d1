import { nemesisNames, type NemesisName } from './nemeses.js';
import { plantedFaults, type PlantedFault } from './planted-faults.js';
import { report } from './report.js';
import { runHistory, tolerances } from './run-history.js';

/** As on the command line. */
export interface JudgeOptions {
  readonly minutes: string;
  readonly processes: string;
  readonly mode: string;
  readonly nemesis: string;
  readonly seed: string;
  readonly say: (line: string) => void;
  readonly print: (text: string) => void;
}

/** Fewer prove nothing. */
const MIN_READS_PER_SECOND = 100;
const MIN_HITS = 0.2;
const TEETH_SECONDS = 60;
const BITE_SECONDS = 12;

/** @returns whether everything was right, and enough was read to say so */
export async function judge(options: JudgeOptions): Promise<boolean> {
  const { say, print, nemesis } = options;
  const seconds = Number(options.minutes) * 60;
  const consistency = options.mode === 'bounded' ? 'bounded' : 'strong';
  const nemeses = nemesesOf(nemesis);
  say(`seed ${options.seed}; ${nemeses.length > 0 ? nemeses.join(', ') : 'nothing is broken'}`);
  const checked = await runHistory({
    seconds,
    processes: Number(options.processes),
    consistency,
    nemeses,
    seed: Number(options.seed),
    say,
  });
  print(
    `\n${consistency}, ${options.processes} processes, ${seconds} s, seed ${options.seed}\n${report(checked)}`,
  );
  const isEnough = checked.reads > MIN_READS_PER_SECOND * seconds && checked.hits > MIN_HITS * checked.reads;
  if (!isEnough) print('too few reads or hits to mean anything\n');
  const { staleMs } = tolerances[consistency];
  const isRight = checked.violations.length === 0;
  print(isRight ? `nothing was older than ${staleMs} ms\n` : `${checked.violations.length} violations\n`);
  return isRight && isEnough;
}

/** @returns whether each planted mistake was found */
export async function judgeTeeth(options: JudgeOptions): Promise<boolean> {
  const { say, print, processes, seed } = options;
  const missed: string[] = [];
  for (const [name, { consistency, nemeses }] of Object.entries(plantedFaults)) {
    let seconds = 0;
    let found = 0;
    for (let run = 0; seconds < TEETH_SECONDS && found === 0; run++) {
      const { violations } = await runHistory({
        seconds: BITE_SECONDS,
        processes: Number(processes),
        consistency,
        nemeses,
        seed: Number(seed) + run,
        planted: name as PlantedFault,
        say: () => undefined,
      });
      seconds += BITE_SECONDS;
      found = violations.length;
    }
    if (found === 0) missed.push(name);
    print(`${name}: ${found === 0 ? 'NOT FOUND' : `found ${found} times`} within ${seconds} s\n`);
  }
  say(missed.length === 0 ? 'every planted mistake was found' : `not found: ${missed.join(', ')}`);
  return missed.length === 0;
}

function nemesesOf(text: string): readonly NemesisName[] {
  if (text === 'all') return nemesisNames;
  if (text === 'none') return [];
  return text.split(',').map((name) => {
    const known = nemesisNames.find((nemesis) => nemesis === name);
    if (!known) throw new Error(`There is no nemesis '${name}': ${nemesisNames.join(', ')}`);
    return known;
  });
}
