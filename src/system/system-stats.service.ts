import { Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { databaseNow } from '../database/database-clock.js';
import type { LogRecord } from '../telemetry/log-catalogue.js';
import type { SystemStatsDto } from './system-stats.dto.js';
import { utcMidnightBefore } from './utc-day.js';

interface Row {
  readonly counters: Readonly<Record<string, number | undefined>> | null;
  readonly sessions_today: number;
  readonly open_later: number;
  readonly active_users_24h: number;
}

// A day of activity has its first and last moment. So for a window of 24 hours the rows of two days are enough, and the
// answer is exact: today's row counts if its first moment has come, yesterday's if its last moment is within the window.
// By course, because an index by course and day holds all that is asked.
const sql = `
  SELECT
    (SELECT json_object_agg(name, total)
     FROM (SELECT name, sum(value) AS total FROM system_counters GROUP BY name) c) AS counters,
    (SELECT count(*)::int FROM tutor_sessions WHERE started_at BETWEEN $2 AND $1) AS sessions_today,
    (SELECT count(*)::int FROM tutor_sessions WHERE ended_at IS NULL AND started_at > $1) AS open_later,
    (SELECT count(*)::int FROM (
       SELECT DISTINCT d.user_id FROM courses c JOIN activity_days d ON d.course_id = c.id
       WHERE d.day BETWEEN $3::date - 1 AND $3::date
         AND CASE WHEN d.day = $3::date THEN d.first_at <= $1 ELSE d.last_at > $4 END) u) AS active_users_24h`;

/** Reads counters that the database keeps itself, and three short ranges of indexes; never a whole table. */
@Injectable()
export class SystemStatsService {
  readonly #logger = new Logger('System');

  constructor(private readonly dataSource: DataSource) {}

  /** @param now  the present by the database's clock if left out */
  async stats(now?: Date): Promise<SystemStatsDto> {
    this.#logger.log({ event: 'stats.fetch' } satisfies LogRecord);
    const stats = await this.#read(now ?? (await databaseNow(this.dataSource)));
    const { total_users: users, total_sessions: sessions } = stats;
    this.#logger.log({ event: 'stats.done', users, sessions } satisfies LogRecord);
    return stats;
  }

  async #read(now: Date): Promise<SystemStatsDto> {
    const midnight = utcMidnightBefore(now);
    const [row]: [Row] = await this.dataSource.query(sql, [
      now,
      midnight,
      midnight.toISOString().slice(0, 10),
      new Date(now.getTime() - 86_400_000),
    ]);
    const counted = (name: string) => row.counters?.[name] ?? 0;
    const users_by_role = {
      student: counted('users:student'),
      teacher: counted('users:teacher'),
      admin: counted('users:admin'),
    };
    return {
      total_users: users_by_role.student + users_by_role.teacher + users_by_role.admin,
      total_sessions: counted('tutor_sessions'),
      total_attempts: counted('submissions'),
      sessions_today: row.sessions_today,
      timestamp: now.toISOString(),
      active_users_24h: row.active_users_24h,
      // If a client's clock is ahead, its session may begin in our future.
      open_sessions: counted('tutor_sessions:open') - row.open_later,
      total_courses: counted('courses'),
      total_enrollments: counted('enrollments'),
      total_events: counted('events'),
      total_events_exact: true,
      users_by_role,
    };
  }
}
