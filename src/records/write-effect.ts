/**
 * What a write did, kept beside its answer and not in it, so that `@InvalidateCache` can tell which views are old.
 * An answer without an effect wrote nothing: a duplicate, a change to what was there already.
 */
export interface WriteEffect {
  /** Columns that have another value now, also `firstTraceAt` of the course; else empty for a new row. */
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

/** Copies onto `row` those `values` that differ, and answers their names. `undefined` leaves a column alone. */
export function change<T extends object>(row: T, values: { [K in keyof T]?: T[K] | undefined }): string[] {
  const changed: string[] = [];
  for (const name of Object.keys(values) as (keyof T & string)[]) {
    const value = values[name];
    if (value === undefined || isSame(row[name], value)) continue;
    row[name] = value;
    changed.push(name);
  }
  return changed;
}

function isSame(one: unknown, other: unknown): boolean {
  return one instanceof Date && other instanceof Date ? one.getTime() === other.getTime() : one === other;
}
