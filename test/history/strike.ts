import { setTimeout as wait } from 'node:timers/promises';
import type { Bed } from './bed.js';
import { membersOf, nemeses, oneOf, type NemesisName } from './nemeses.js';
import { nowUs } from './operation.js';

/** Times as of `nowUs`. */
export interface Strike {
  readonly name: NemesisName;
  readonly fromUs: number;
  readonly toUs: number;
}

interface StrikeOptions {
  readonly bed: Bed;
  readonly names: readonly NemesisName[];
  readonly random: () => number;
  /** @param members  what struck, at once */
  readonly onStrike: (strike: Strike, members: readonly NemesisName[]) => void;
}

const [SHORTEST_MS, LONGEST_MS, PAUSE_MS] = [1000, 4000, 1500];

/** Lets one after the other strike, in a random order in which each has its turn, until it is told to stop. */
export async function strike(
  { bed, names, random, onStrike }: StrikeOptions,
  signal: AbortSignal,
): Promise<void> {
  let turn: NemesisName[] = [];
  const pause = () => wait(PAUSE_MS, undefined, { signal }).catch(() => undefined);
  await pause();
  while (!signal.aborted && names.length > 0) {
    if (turn.length === 0) turn = shuffled(names, random);
    const name = turn.pop()!;
    const members = membersOf(name, random);
    const fromUs = nowUs();
    await Promise.all(
      members.map((member) =>
        nemeses[member](
          bed,
          SHORTEST_MS + random() * (LONGEST_MS - SHORTEST_MS),
          oneOf(bed.services, random),
        ),
      ),
    );
    onStrike({ name, fromUs, toUs: nowUs() }, members);
    await pause();
  }
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const left = [...items];
  return items.map(() => left.splice(Math.floor(random() * left.length), 1)[0]!);
}
