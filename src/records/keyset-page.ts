import type { ObjectLiteral, SelectQueryBuilder } from 'typeorm';
import { decodeCursor, encodeCursor, foreignCursor, type PageQuery } from '../http/page.dto.js';
import { isPublicId } from './public-id.js';

/** The unique column by which a list is ordered, and after which a page goes on. */
interface PageKey<T> {
  /** The list, and what it is of, as in `activities/PROG-101`: no cursor of another is taken. */
  list: string;
  column: string;
  direction: 'ASC' | 'DESC';
  of: (row: T) => string;
  /** Whether a value from a cursor can be compared with the column. */
  isKey: (value: unknown) => value is string;
  /**
   * SQL: the keys on the page, at most `:most`, found along an index. The planner takes the rows of a list to be spread evenly
   * over the table; where they are not, it would walk all of it.
   *
   * @param last  SQL: the last key of the page before; `undefined` for the first page
   */
  pageSql?: ((last: string | undefined) => string) | undefined;
}

/**
 * In the order of public ids.
 *
 * @param list   as in {@link PageKey}
 * @param alias  of the row in the query
 */
export function byCode(list: string, alias: string): PageKey<{ code: string }> {
  return { list, column: `${alias}.code`, direction: 'ASC', of: ({ code }) => code, isKey: isPublicId };
}

/** One page of `rows`, and where the next one starts: `null` after the last. */
export async function keysetPage<T extends ObjectLiteral>(
  rows: SelectQueryBuilder<T>,
  page: PageQuery,
  key: PageKey<T>,
): Promise<{ rows: T[]; next_cursor: string | null }> {
  if (page.cursor !== undefined) {
    const [last] = decodeCursor(key.list, page.cursor, 1);
    if (!key.isKey(last)) throw foreignCursor();
    rows.andWhere(`${key.column} ${key.direction === 'ASC' ? '>' : '<'} :last`, { last });
  }
  if (key.pageSql) {
    const keys = key.pageSql(page.cursor === undefined ? undefined : ':last');
    rows.andWhere(`${key.column} IN (${keys})`, { most: page.limit + 1 });
  }
  const found = await rows
    .orderBy(key.column, key.direction)
    .limit(page.limit + 1)
    .getMany();
  const shown = found.slice(0, page.limit);
  const last = shown.at(-1);
  return {
    rows: shown,
    next_cursor: found.length > page.limit && last ? encodeCursor(key.list, [key.of(last)]) : null,
  };
}
