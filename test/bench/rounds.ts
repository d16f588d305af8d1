/** The order of a round: each begins with another, so that none always comes first. */
export function inTurn<Item>(items: readonly Item[], round: number): Item[] {
  const first = round % items.length;
  return [...items.slice(first), ...items.slice(0, first)];
}

/**
 * Runs all of them in turn, round by round, so that whatever disturbs the machine disturbs all alike.
 *
 * @returns for each what it measured, by round
 */
export async function interleave<Sample>(
  rounds: number,
  runs: readonly (() => Promise<Sample>)[],
): Promise<Sample[][]> {
  const samples = new Map(runs.map((run) => [run, [] as Sample[]]));
  for (let round = 0; round < rounds; round++) {
    for (const run of inTurn(runs, round)) samples.get(run)!.push(await run());
  }
  return [...samples.values()];
}
