/**
 * Runs a small concurrent scenario in every possible order, or in as many as there is time for.
 *
 * Each actor of a scenario calls `step` wherever another may come in between. The explorer lets exactly one waiting
 * actor go on at a time, remembers which others it could have let go on, and repeats the scenario until every choice
 * has been made: a depth-first walk over all interleavings, on the real code and without any clock.
 */
export interface Stage {
  /** Waits until the explorer lets this actor go on; `label` tells what it does then. */
  step(label: string): Promise<void>;
}

/** Sets up one run: its actors, and the check at its end, which returns what was wrong. */
export type Scenario = (stage: Stage) => { actors: Promise<unknown>[]; verdict: () => string | undefined };

interface Exploration {
  readonly runs: number;
  /** Whether these are all there are. */
  readonly isComplete: boolean;
  /** What was wrong first, if anything, and the steps that led there. */
  readonly violation: string | undefined;
}

/** How many orders are run of a scenario that has more. */
interface Extent {
  /** First. They have much in common: where they are not all there are, they differ in their last steps only. */
  readonly inTurn: number;
  /** Then. */
  readonly atRandom: number;
}

export async function explore(scenario: Scenario, { inTurn, atRandom }: Extent): Promise<Exploration> {
  let choices: number[] = [];
  for (let runs = 1; ; runs++) {
    const isInTurn = runs <= inTurn;
    const { taken, violation } = await runOnce(scenario, (depth, of) =>
      isInTurn ? (choices[depth] ?? 0) : Math.floor(Math.random() * of),
    );
    if (violation !== undefined) return { runs, isComplete: false, violation };
    if (isInTurn) {
      const next = nextChoices(taken);
      if (!next) return { runs, isComplete: true, violation };
      choices = next;
    }
    if (runs >= inTurn + atRandom) return { runs, isComplete: false, violation };
  }
}

interface Choice {
  readonly taken: number;
  readonly of: number;
}

async function runOnce(scenario: Scenario, choose: (depth: number, of: number) => number) {
  const waiting: { label: string; go: () => void }[] = [];
  const steps: string[] = [];
  const stage: Stage = {
    step: (label) =>
      new Promise((go) => {
        waiting.push({ label, go });
      }),
  };
  const { actors, verdict } = scenario(stage);
  const taken: Choice[] = [];
  const over = Promise.allSettled(actors);
  for (;;) {
    await quiet();
    if (waiting.length === 0) break;
    const choice = choose(taken.length, waiting.length);
    taken.push({ taken: choice, of: waiting.length });
    const [next] = waiting.splice(choice, 1);
    steps.push(next?.label ?? '');
    next?.go();
  }
  await over;
  const violation = verdict();
  return { taken, violation: violation && `${violation}: ${steps.join(', ')}` };
}

/** The next branch to the right of the deepest choice that has one. */
function nextChoices(taken: readonly Choice[]): number[] | undefined {
  for (let depth = taken.length - 1; depth >= 0; depth--) {
    const choice = taken[depth];
    if (choice && choice.taken + 1 < choice.of) {
      return [...taken.slice(0, depth).map((earlier) => earlier.taken), choice.taken + 1];
    }
  }
  return undefined;
}

/** Everything that can go on without a step has gone on: Node runs the next tick when no promise has anything to do. */
function quiet(): Promise<void> {
  return new Promise((resolve) => {
    process.nextTick(resolve);
  });
}
