import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { activityVerbs } from './activity-verbs.js';
import type { CreateEventDto } from './event.dto.js';
import type { Refusal } from './refusal.js';

/** What became of one event. A `first_trace` was accepted, and its course has an earlier first trace than before it. */
export type Outcome = 'accepted' | 'first_trace' | 'duplicate' | Refusal;

interface ResolvedEvent {
  client_id: string;
  user_id: string;
  course_id: string;
  activity_id: string | null;
  session_id: string | null;
  verb: string;
  occurred_at: string;
  quantity: number;
  data?: Record<string, unknown>;
}

/** What the names in an event stand for, and the first trace of the course before. */
interface Resolved extends Record<'user_id' | 'course_id' | 'activity_id' | 'session_id', string | null> {
  first_trace_at: Date | null;
}

const columns = `client_id uuid, user_id bigint, course_id bigint, activity_id bigint, session_id bigint, verb text,
  occurred_at timestamptz, quantity integer, data jsonb`;

/**
 * SQL: the row of a code, of which there is one at most. A subquery of its own: left to choose, the planner reads all users for
 * one event, and all sessions of the student for each that names none.
 */
const foundByCode = (table: string, code: string) =>
  `LATERAL (SELECT * FROM ${table} WHERE code = ${code} OFFSET 0)`;

/** Writes events, as many as fit one statement, each once. */
@Injectable()
export class EventWriter {
  /**
   * Four statements at most, however many events there are: find the ids, insert, compare what was there already, look for
   * first traces.
   *
   * @returns one outcome for each event, in their order
   */
  async write(manager: EntityManager, events: readonly CreateEventDto[]): Promise<Outcome[]> {
    if (events.length === 0) return [];
    const outcomes = new Array<Outcome>(events.length);
    const firsts = new Map<string, { index: number; row: ResolvedEvent }>();
    const repeats: { index: number; row: ResolvedEvent }[] = [];
    const ids = await this.#resolve(manager, events);
    for (const [index, event] of events.entries()) {
      const row = resolved(event, ids[index]);
      if ('code' in row) outcomes[index] = row;
      else if (firsts.has(row.client_id)) repeats.push({ index, row });
      else firsts.set(row.client_id, { index, row });
    }

    const inserted = await this.#insert(
      manager,
      [...firsts.values()].map(({ row }) => row),
    );
    const compared = [...repeats];
    const early: { index: number; row: ResolvedEvent }[] = [];
    for (const [clientId, first] of firsts) {
      if (!inserted.has(clientId)) {
        compared.push(first);
        continue;
      }
      outcomes[first.index] = 'accepted';
      if (isEarly(first.row, ids[first.index])) early.push(first);
    }
    const firstTraces = await this.#firstTraces(
      manager,
      early.map(({ row }) => row.course_id),
    );
    for (const { index, row } of early) {
      const before = ids[index]?.first_trace_at?.getTime();
      if (firstTraces.get(row.course_id) !== before) outcomes[index] = 'first_trace';
    }
    const isSame = await this.#compare(
      manager,
      compared.map(({ row }) => row),
    );
    compared.forEach(({ index }, position) => {
      outcomes[index] = isSame[position]
        ? 'duplicate'
        : { code: 'conflict', detail: 'Another event has this id.' };
    });
    return outcomes;
  }

  #resolve(manager: EntityManager, events: readonly CreateEventDto[]): Promise<Resolved[]> {
    const named = events.map(({ student_id, course_id, activity_id, session_id }, position) => ({
      position,
      student_id,
      course_id,
      activity_id,
      session_id,
    }));
    return manager.query<Resolved[]>(
      `SELECT u.id AS user_id, c.id AS course_id, a.id AS activity_id, s.id AS session_id, c.first_trace_at
       FROM jsonb_to_recordset($1::jsonb)
         AS named(position integer, student_id text, course_id text, activity_id text, session_id text)
       LEFT JOIN ${foundByCode('users', 'named.student_id')} u ON u.deleted_at IS NULL
       LEFT JOIN ${foundByCode('courses', 'named.course_id')} c ON true
       LEFT JOIN ${foundByCode('activities', 'named.activity_id')} a ON a.course_id = c.id
       LEFT JOIN ${foundByCode('tutor_sessions', 'named.session_id')} s ON s.course_id = c.id AND s.user_id = u.id
       ORDER BY named.position`,
      [JSON.stringify(named)],
    );
  }

  /** In the order of their ids, so that two batches with the same events cannot wait for each other in a circle. */
  async #insert(manager: EntityManager, rows: ResolvedEvent[]): Promise<Set<string>> {
    if (rows.length === 0) return new Set();
    const written = await manager.query<{ client_id: string }[]>(
      `INSERT INTO events (client_id, user_id, course_id, activity_id, session_id, verb, occurred_at, quantity, data)
       SELECT client_id, user_id, course_id, activity_id, session_id, verb, occurred_at, quantity, data
       FROM jsonb_to_recordset($1::jsonb) AS row(${columns}) ORDER BY client_id
       ON CONFLICT (client_id) DO NOTHING RETURNING client_id`,
      [JSON.stringify(rows)],
    );
    return new Set(written.map(({ client_id }) => client_id));
  }

  /**
   * Read once the events are in, and not judged by who was a student before: whoever enrolls while the insert waits is one to
   * the trigger that keeps the first trace.
   *
   * @returns milliseconds since 1970 by the course's id, `undefined` without any trace
   */
  async #firstTraces(
    manager: EntityManager,
    courses: readonly string[],
  ): Promise<Map<string, number | undefined>> {
    if (courses.length === 0) return new Map();
    const rows = await manager.query<{ id: string; first_trace_at: Date | null }[]>(
      'SELECT id, first_trace_at FROM courses WHERE id = ANY($1::bigint[])',
      [[...new Set(courses)]],
    );
    return new Map(rows.map(({ id, first_trace_at }) => [id, first_trace_at?.getTime()]));
  }

  /** A statement of its own: it must see what others committed while ours waited to insert the same id. */
  async #compare(manager: EntityManager, rows: ResolvedEvent[]): Promise<boolean[]> {
    if (rows.length === 0) return [];
    const compared = await manager.query<{ is_same: boolean | null }[]>(
      `SELECT (e.user_id, e.course_id, e.verb, e.occurred_at, e.quantity)
            = (row.user_id, row.course_id, row.verb, row.occurred_at, row.quantity)
            AND e.activity_id IS NOT DISTINCT FROM row.activity_id
            AND e.session_id IS NOT DISTINCT FROM row.session_id
            AND e.data IS NOT DISTINCT FROM row.data AS is_same
       FROM jsonb_to_recordset($1::jsonb) AS row(position integer, ${columns})
       LEFT JOIN events e ON e.client_id = row.client_id
       ORDER BY row.position`,
      [JSON.stringify(rows.map((row, position) => ({ position, ...row })))],
    );
    return compared.map(({ is_same }) => is_same === true);
  }
}

const nothingFound: Resolved = {
  user_id: null,
  course_id: null,
  activity_id: null,
  session_id: null,
  first_trace_at: null,
};

function resolved(event: CreateEventDto, ids = nothingFound): ResolvedEvent | Refusal {
  const { user_id, course_id, activity_id, session_id } = ids;
  if (user_id === null) return { code: 'unknown_student', detail: 'There is no such student.' };
  if (course_id === null) return { code: 'unknown_course', detail: 'There is no such course.' };
  if (event.activity_id && activity_id === null) {
    return { code: 'unknown_activity', detail: 'There is no such activity in this course.' };
  }
  if (event.session_id && session_id === null) {
    return { code: 'unknown_session', detail: 'The student has no such session in this course.' };
  }
  return {
    client_id: event.id.toLowerCase(),
    user_id,
    course_id,
    activity_id,
    session_id,
    verb: event.verb,
    // As text of ours: PostgreSQL reads no time zone of 16 hours or more.
    occurred_at: new Date(event.occurred_at).toISOString(),
    quantity: event.quantity ?? 1,
    ...(event.data ? { data: event.data } : {}),
  };
}

/** Whether it is the first trace of the course if who did it is a student there. */
function isEarly({ verb, occurred_at }: ResolvedEvent, { first_trace_at } = nothingFound): boolean {
  if (!activityVerbs.has(verb)) return false;
  return first_trace_at === null || Date.parse(occurred_at) < first_trace_at.getTime();
}
