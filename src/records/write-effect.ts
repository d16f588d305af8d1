/**
 * What a write did, kept beside its answer and not in it, so that `@InvalidateCache` can tell which views are old.
 * An answer without an effect wrote nothing: a duplicate, a change to what was there already.
 */
export interface WriteEffect {
  /** Columns that may have another value now, also `firstTraceAt` of the course; else empty for a new row. */
  readonly changed: readonly string[];
  /** Codes of further courses that show the row, such as those of a renamed student. */
  readonly courses: readonly string[];
}

const effects = new WeakMap<object, WriteEffect>();

/** Marks `answer` as one that wrote something, and hands it back. */
export function wrote<T extends object>(answer: T, effect: Partial<WriteEffect> = {}): T {
  effects.set(answer, { changed: [], courses: [], ...effect });
  return answer;
}

export function isWritten(answer: object): boolean {
  return effects.has(answer);
}

/** The cache tags of a write; none if it wrote nothing. */
export function ifWritten(
  answer: object,
  tags: (effect: WriteEffect) => readonly string[],
): readonly string[] {
  const effect = effects.get(answer);
  return effect ? tags(effect) : [];
}

/**
 * Copies `values` onto `row`. `undefined` leaves a column alone.
 *
 * @returns the names of the columns that were told, if any of them differed, else none: what is so already may be so by
 *   another's write, of which the views do not know yet
 */
export function change<T extends object>(row: T, values: { [K in keyof T]?: T[K] | undefined }): string[] {
  const told = (Object.keys(values) as (keyof T & string)[]).filter((name) => values[name] !== undefined);
  if (told.every((name) => isSame(row[name], values[name]))) return [];
  for (const name of told) row[name] = values[name] as T[typeof name];
  return told;
}

function isSame(one: unknown, other: unknown): boolean {
  return one instanceof Date && other instanceof Date ? one.getTime() === other.getTime() : one === other;
}
