import type { ObjectLiteral, SelectQueryBuilder } from 'typeorm';
import { decodeCursor, encodeCursor, foreignCursor, type PageQuery } from '../http/page.dto.js';
import { isPublicId } from './public-id.js';

/** What a list is ordered by, and the unique key after which a page goes on. */
interface PageKey<T> {
  /** The list, and what it is of, as in `activities/PROG-101`: no cursor of another is taken. */
  list: string;
  /** The columns that the list is ordered by; the last is the key. */
  columns: readonly string[];
  direction: 'ASC' | 'DESC';
  of: (row: T) => string;
  /** Whether a value from a cursor can be compared with the key. */
  isKey: (value: unknown) => value is string;
  /** SQL: what the columns before the key hold in the row of the key `:last`. */
  before?: readonly string[];
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
  const place = page.cursor === undefined ? undefined : [...(key.before ?? []), ':last'];
  if (page.cursor !== undefined) {
    const [last] = decodeCursor(key.list, page.cursor, 1);
    if (!key.isKey(last)) throw foreignCursor();
    rows.setParameters({ last });
  }
  if (place) {
    rows.andWhere(`(${columns.join(', ')}) ${direction === 'ASC' ? '>' : '<'} (${place.join(', ')})`);
  }
  if (key.pageSql) {
    rows.andWhere(`${columns.at(-1)} IN (${key.pageSql(place)})`, { most: page.limit + 1 });
  }
  for (const column of columns) rows.addOrderBy(column, direction);
  const found = await rows.limit(page.limit + 1).getMany();
  const shown = found.slice(0, page.limit);
  const last = shown.at(-1);
  return {
    rows: shown,
    next_cursor: found.length > page.limit && last ? encodeCursor(key.list, [key.of(last)]) : null,
  };
}
