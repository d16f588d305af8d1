import { begins, chains, commits, mayWrite, rollsBack, withoutTexts, writes } from './sql-statements.js';

describe('what a statement does', () => {
  it.each([
    'INSERT INTO books VALUES (1)',
    '/* all of them */ delete from books',
    'WITH old AS (DELETE FROM books RETURNING id) SELECT count(*) FROM old',
    'SELECT 1; SELECT 2',
  ])('writes: %s', (query) => {
    expect(writes(withoutTexts(query))).toBe(true);
  });

  it.each([
    'SELECT award_badge(1)',
    `SELECT E'it\\'s', award_badge(1), 'x'`,
    'EXECUTE touch',
    'explain (analyze) delete from books',
    'SELECT * INTO copies FROM books',
    'DROP TABLE books_2025',
    'ALTER TABLE books DETACH PARTITION books_2025',
  ])('may write: %s', (query) => {
    expect(mayWrite(withoutTexts(query))).toBe(true);
  });

  it.each([
    `SELECT 'insert into (x)' AS "select", max(id) FROM books -- delete (this)`,
    `SELECT 'it''s' || E'\\'', count(*) FROM books`,
    'SET statement_timeout = 1000',
  ])('writes nothing: %s', (query) => {
    const text = withoutTexts(query);

    expect([writes(text), mayWrite(text)]).toEqual([false, false]);
  });

  it.each([
    ['BEGIN', [true, false, false, false]],
    [
      '/* one; */ -- two\n start transaction isolation level serializable; -- three',
      [true, false, false, false],
    ],
    ['BEGIN; INSERT INTO books VALUES (1)', [false, false, false, false]],
    ['-- settle\nCOMMIT', [false, true, false, false]],
    ['end and chain', [false, true, false, true]],
    ['COMMIT AND NO CHAIN', [false, true, false, false]],
    ['/* undo */ROLLBACK AND CHAIN', [false, false, true, true]],
    ['ABORT', [false, false, true, false]],
    ['ROLLBACK TO SAVEPOINT commit', [false, false, false, false]],
    ['rollback work to savepoint one', [false, false, false, false]],
    ['ROLLBACK TRANSACTION TO one', [false, false, false, false]],
    ['abort work', [false, false, true, false]],
    [`SELECT 'COMMIT'`, [false, false, false, false]],
    ['beginning', [false, false, false, false]],
  ])('of a transaction: %s', (query, expected) => {
    expect([begins(query), commits(query), rollsBack(query), chains(query)]).toEqual(expected);
  });
});
