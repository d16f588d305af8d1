import type { ObjectLiteral, SelectQueryBuilder } from 'typeorm';
import { decodeCursor, encodeCursor, foreignCursor, type PageQuery } from '../http/page.dto.js';
import { isPublicId } from './public-id.js';

/** What a list is ordered by, and the unique key after which a page goes on. */
interface PageKey<T> {
  /** The list, and what it is of, as in `activities/PROG-101`: no cursor of another is taken. */
  list: string;
  /** The columns that the list is ordered by: moments, and the key as the last. */
  columns: readonly string[];
  direction: 'ASC' | 'DESC';
  of: (row: T) => string;
  /** Whether a value from a cursor can be compared with the key. */
  isKey: (value: unknown) => value is string;
  /**
   * SQL: the keys on the page, at most `:most`, found along an index. The planner takes the rows of a list to be spread evenly
   * over the table; where they are not, it would walk all of it.
   *
   * @param last  SQL: what the columns hold in the last row of the page before; `undefined` for the first page
   */
  pageSql?: ((last: readonly string[] | undefined) => string) | undefined;
}

/**
 * In the order of public ids.
 *
 * @param list   as in {@link PageKey}
 * @param alias  of the row in the query
 */
export function byCode(list: string, alias: string): PageKey<{ code: string }> {
  return { list, columns: [`${alias}.code`], direction: 'ASC', of: ({ code }) => code, isKey: isPublicId };
}

/** One page of `rows`, and where the next one starts: `null` after the last. */
export async function keysetPage<T extends ObjectLiteral>(
  rows: SelectQueryBuilder<T>,
  page: PageQuery,
  key: PageKey<T>,
): Promise<{ rows: T[]; next_cursor: string | null }> {
  const { columns, direction } = key;
  const moments = columns.slice(0, -1);
  const place =
    page.cursor === undefined ? undefined : [...moments.map((_, n) => momentSql(`:moment${n}`)), ':last'];
  if (place && page.cursor !== undefined) {
    const told = decodeCursor(key.list, page.cursor, columns.length);
    const last = told.pop();
    if (!key.isKey(last) || !told.every(isMicroseconds)) throw foreignCursor();
    rows.setParameters({ last, ...Object.fromEntries(told.map((us, n) => [`moment${n}`, us])) });
    rows.andWhere(`(${columns.join(', ')}) ${direction === 'ASC' ? '>' : '<'} (${place.join(', ')})`);
  }
  if (key.pageSql) {
    rows.andWhere(`${columns.at(-1)} IN (${key.pageSql(place)})`, { most: page.limit + 1 });
  }
  for (const column of columns) rows.addOrderBy(column, direction);
  for (const [n, moment] of moments.entries()) rows.addSelect(microsecondsSql(moment), `moment${n}`);
  const { entities, raw } = await rows.limit(page.limit + 1).getRawAndEntities<Record<string, string>>();
  const shown = entities.slice(0, page.limit);
  const last = shown.at(-1);
  if (!last || entities.length === shown.length) return { rows: shown, next_cursor: null };
  const told = moments.map((_, n) => raw[shown.length - 1]?.[`moment${n}`] ?? null);
  return { rows: shown, next_cursor: encodeCursor(key.list, [...told, key.of(last)]) };
}

// A cursor has the place itself, not only whose it was: that row may have moved since, or be gone.
const microsecondsSql = (moment: string) => `CAST(extract(epoch FROM ${moment}) * 1000000 AS bigint)`;
const momentSql = (us: string) =>
  `(CAST('epoch' AS timestamptz) + CAST(${us} AS bigint) * CAST('1 microsecond' AS interval))`;

function isMicroseconds(value: unknown): value is string {
  return typeof value === 'string' && /^-?\d{1,17}$/.test(value);
}
