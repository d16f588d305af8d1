/** What two that are compared measured in one round. */
export interface Round<Sample> {
  readonly ours: readonly Sample[];
  readonly theirs: readonly Sample[];
}

/** The order of a round: each begins with another, so that none always comes first. */
export function inTurn<Item>(items: readonly Item[], round: number): Item[] {
  const first = round % items.length;
  return [...items.slice(first), ...items.slice(0, first)];
}

/**
 * One round of two that are compared: A B B A. What grows or fades meanwhile touches both alike, and what is compared
 * lies seconds apart.
 */
export async function alternate<Sample>(
  ours: () => Promise<Sample>,
  theirs: () => Promise<Sample>,
): Promise<Round<Sample>> {
  const first = await ours();
  const between = [await theirs(), await theirs()];
  return { ours: [first, await ours()], theirs: between };
}

/** So many rounds of the two. */
export async function compare<Sample>(
  rounds: number,
  ours: () => Promise<Sample>,
  theirs: () => Promise<Sample>,
): Promise<Round<Sample>[]> {
  const all: Round<Sample>[] = [];
  while (all.length < rounds) all.push(await alternate(ours, theirs));
  return all;
}
