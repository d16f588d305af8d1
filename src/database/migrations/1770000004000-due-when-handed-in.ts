import { setTimeout as pause } from 'node:timers/promises';
import type { MigrationInterface, QueryRunner } from 'typeorm';

const BATCH = 5000;
/** Rows that somebody else changes meanwhile are come back to so often, and then waited for as for a table. */
const MOST_PASSES = 50;
const PAUSE_MS = 100;

/**
 * Every attempt keeps the due date that it was handed in under. Those that were imported had none of their own, and get that
 * of now: so do those that were handed in before there was any, which were judged by it until now, too.
 */
export class DueWhenHandedIn1770000004000 implements MigrationInterface {
  /** Each batch commits by itself: nobody who grades waits for the whole table. */
  readonly transaction = false;

  async up(queryRunner: QueryRunner): Promise<void> {
    for (let pass = 1; await isAnyLeft(queryRunner); pass++) {
      if (pass > 1) await pause(PAUSE_MS);
      let last: string | null = '0';
      while (last !== null) last = await fill(queryRunner, last, pass < MOST_PASSES ? 'SKIP LOCKED' : '');
    }
  }

  async down(): Promise<void> {
    // What was filled in says what was read before.
  }
}

const unfilled = `FROM submissions s JOIN activities a ON a.id = s.activity_id
  WHERE s.due_at_effective IS NULL AND a.due_at IS NOT NULL`;

async function isAnyLeft(queryRunner: QueryRunner): Promise<boolean> {
  const left = (await queryRunner.query(`SELECT 1 ${unfilled} LIMIT 1`)) as unknown[];
  return left.length > 0;
}

/** Fills in a batch after the row `last`. @returns the last row of the batch; `null` when there is none any more */
async function fill(queryRunner: QueryRunner, last: string, locked: string): Promise<string | null> {
  const rows = (await queryRunner.query(
    `WITH batch AS (
       SELECT s.id, a.due_at ${unfilled} AND s.id > $1 ORDER BY s.id LIMIT ${BATCH} FOR NO KEY UPDATE OF s ${locked}
     ), written AS (
       UPDATE submissions s SET due_at_effective = batch.due_at FROM batch WHERE s.id = batch.id RETURNING s.id
     )
     SELECT max(id) AS last FROM written`,
    [last],
  )) as { last: string | null }[];
  return rows[0]?.last ?? null;
}
