/**
 * Runs all of them in turn, round by round, each round beginning with another, so that whatever disturbs the machine
 * disturbs all alike.
 *
 * @returns for each what it measured, by round
 */
export async function interleave<Sample>(
  rounds: number,
  runs: readonly (() => Promise<Sample>)[],
): Promise<Sample[][]> {
  const samples = runs.map((): Sample[] => []);
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < runs.length; turn++) {
      const which = (round + turn) % runs.length;
      samples[which]!.push(await runs[which]!());
    }
  }
  return samples;
}
