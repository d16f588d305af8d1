import { isAsPromised } from './calm.js';
import { isEnough } from './enough.js';
import { firstViolation } from './first-violation.js';
import { hangsDatabase, nemesisNames, type NemesisName } from './nemeses.js';
import { plantedFaults, type Planted, type PlantedFault } from './planted-faults.js';
import { report } from './report.js';
import { runHistory, tolerances, type HistoryOptions } from './run-history.js';

/** As on the command line. */
interface JudgeOptions {
  readonly minutes: string;
  readonly processes: string;
  readonly mode: string;
  readonly nemesis: string;
  readonly seed: string;
  /** Answered reads a second, at least. */
  readonly reads: string;
  /** How long each reader rests after an answer, ms. */
  readonly rest: string;
  /** How many reads go with each write. */
  readonly readsPerWrite: string;
  /** How far the clocks of the first two processes are off, minutes. */
  readonly clocks: string;
  /** Default: all, one after the other. */
  readonly plant?: string;
  /** The server of the database, if it may hang. */
  readonly postgres?: HistoryOptions['postgres'];
  readonly say: (line: string) => void;
  readonly print: (text: string) => void;
}

const TEETH_SECONDS = 60;
const BITE_SECONDS = 12;
/** A planted mistake has a minute to show itself: as much happens in it as else in ten. */
const READS_PER_WRITE_PLANTED = 10;

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
    postgres: options.postgres,
    clocksApartMs: Number(options.clocks) * 60_000,
    seed: Number(options.seed),
    restMs: Number(options.rest),
    readsPerWrite: Number(options.readsPerWrite),
    say,
  });
  print(
    `\n${consistency}, ${options.processes} processes, ${seconds} s, seed ${options.seed}\n${report(checked)}`,
  );
  const isMeaningful = isEnough(checked, {
    reads: Number(options.reads) * seconds,
    readsPerWrite: Number(options.readsPerWrite),
  });
  if (!isMeaningful) print('too few reads, hits or acknowledged writes to mean anything\n');
  const { staleMs } = tolerances[consistency];
  const isRight = checked.violations.length === 0;
  print(isRight ? `nothing was older than ${staleMs} ms\n` : `${checked.violations.length} violations\n`);
  const isCalm = isAsPromised(checked.calm);
  if (!isCalm) print('what failed while nothing struck is more than is promised\n');
  return isRight && isMeaningful && isCalm;
}

/** @returns whether each planted mistake, or the one that is named, was found */
export async function judgeTeeth(options: JudgeOptions): Promise<boolean> {
  const { say, print } = options;
  const missed: string[] = [];
  for (const name of faultsOf(options.plant)) {
    const { isFound, told } = await bite(name, options);
    if (!isFound) missed.push(name);
    print(`${name}: ${told}\n`);
  }
  say(missed.length === 0 ? 'every planted mistake was found' : `not found: ${missed.join(', ')}`);
  return missed.length === 0;
}

/** Runs with this mistake for a minute at most, until it shows. */
async function bite(
  name: PlantedFault,
  { processes, seed, rest }: JudgeOptions,
): Promise<{ isFound: boolean; told: string }> {
  const { consistency, nemeses, clocksApartMs, route }: Planted = plantedFaults[name];
  let seconds = 0;
  for (let run = 0; seconds < TEETH_SECONDS; run++, seconds += BITE_SECONDS) {
    const history = await runHistory({
      seconds: BITE_SECONDS,
      processes: Number(processes),
      consistency,
      nemeses,
      clocksApartMs,
      seed: Number(seed) + run,
      planted: name,
      readsPerWrite: READS_PER_WRITE_PLANTED,
      restMs: Number(rest),
      say: () => undefined,
    });
    const first = firstViolation(history);
    if (!first) continue;
    const { kind, read } = first.finding;
    const afterS = seconds + ((read.returnedUs ?? 0) - history.beganUs) / 1_000_000;
    const when = `after ${afterS.toFixed(1)} s (${kind})`;
    const elsewhere = history.violations.find((violation) => route && violation.read.route !== route);
    if (elsewhere) return { isFound: false, told: `WRONG ${when}, ALSO ON ${elsewhere.read.route}` };
    return first.isStruck || nemeses.length === 0
      ? { isFound: true, told: `found ${when}, ${history.violations.length} times` }
      : { isFound: false, told: `WRONG ${when}, BEFORE ANYTHING STRUCK` };
  }
  return { isFound: false, told: `NOT FOUND within ${seconds} s` };
}

function faultsOf(name: string | undefined): readonly PlantedFault[] {
  const names = Object.keys(plantedFaults) as PlantedFault[];
  const chosen = names.filter((fault) => name === undefined || fault === name);
  if (chosen.length === 0) throw new Error(`There is no fault '${name}': ${names.join(', ')}`);
  return chosen;
}

/** Whether it needs a PostgreSQL that nobody else uses. */
export function hangs(nemesis: string): boolean {
  return hangsDatabase(nemesesOf(nemesis));
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
