import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Cached } from '../cache/index.js';
import { isActiveSql } from '../records/enrollments/enrollment-end.sql.js';
import { isRowId } from '../records/public-id.js';
import type { Person } from './person.js';

/** Where a thing belongs. Neither ever changes. */
export interface Belonging {
  /** Code of the course */
  readonly course_id: string;
  /** Code of the person whose it is; absent for what belongs to the course as a whole */
  readonly person_id?: string;
}

/**
 * What the access guard asks of the database, through the cache: a cache hit of a route then costs no query.
 *
 * A person's rights follow the database within a second even where no invalidation reaches them; while it is away, slow or
 * refuses, those of before hold for the grace of all cached methods. What a thing belongs to is fixed for ever, so it is kept for
 * minutes; that a thing is missing is kept of callers only.
 */
@Injectable()
export class RightsService {
  constructor(private readonly dataSource: DataSource) {}

  /** Who asks. Every request does, so it is kept, too, that the database has nobody of that code. */
  @Cached<RightsService['caller']>({ ttl: 1, prefix: 'rights_caller', tags: ['student:{0}'] })
  async caller(code: string): Promise<Person | null> {
    return this.#person(code);
  }

  /** Who is asked about: somebody may ask about any number of codes that there are not. */
  @Cached<RightsService['person']>({
    ttl: 1,
    prefix: 'rights_person',
    tags: ['student:{0}'],
    unless: isMissing,
  })
  async person(code: string): Promise<Person | null> {
    return this.#person(code);
  }

  @Cached<RightsService['activity']>({ ttl: 300, prefix: 'rights_activity', unless: isMissing })
  async activity(code: string): Promise<Belonging | null> {
    if (!isPlausibleCode(code)) return null;
    return this.#first<Belonging>(
      'SELECT c.code AS course_id FROM activities a JOIN courses c ON c.id = a.course_id WHERE a.code = $1',
      code,
    );
  }

  @Cached<RightsService['enrollment']>({ ttl: 300, prefix: 'rights_enrollment', unless: isMissing })
  async enrollment(id: string): Promise<Belonging | null> {
    if (!isRowId(id)) return null;
    return this.#first<Belonging>(
      `SELECT c.code AS course_id, u.code AS person_id
       FROM enrollments e JOIN courses c ON c.id = e.course_id JOIN users u ON u.id = e.user_id
       WHERE e.id = $1`,
      id,
    );
  }

  @Cached<RightsService['submission']>({ ttl: 300, prefix: 'rights_submission', unless: isMissing })
  async submission(id: string): Promise<Belonging | null> {
    if (!isRowId(id)) return null;
    return this.#first<Belonging>(
      `SELECT c.code AS course_id, u.code AS person_id
       FROM submissions s
       JOIN activities a ON a.id = s.activity_id
       JOIN courses c ON c.id = a.course_id
       JOIN users u ON u.id = s.user_id
       WHERE s.id = $1`,
      id,
    );
  }

  @Cached<RightsService['session']>({ ttl: 300, prefix: 'rights_session', unless: isMissing })
  async session(code: string): Promise<Belonging | null> {
    if (!isPlausibleCode(code)) return null;
    return this.#first<Belonging>(
      `SELECT c.code AS course_id, u.code AS person_id
       FROM tutor_sessions s JOIN courses c ON c.id = s.course_id JOIN users u ON u.id = s.user_id
       WHERE s.code = $1`,
      code,
    );
  }

  async #person(code: string): Promise<Person | null> {
    if (!isPlausibleCode(code)) return null;
    return this.#first<Person>(
      `SELECT u.code, u.role,
              CASE WHEN u.deleted_at IS NOT NULL THEN 'deleted' WHEN u.is_active THEN 'active' ELSE 'inactive' END AS status,
              coalesce(json_agg(json_build_object('course_id', c.code, 'role', e.role, 'status', e.status,
                                                'is_current', ${isActiveSql('now()')}))
                       FILTER (WHERE e.id IS NOT NULL), '[]') AS enrollments
       FROM users u
       LEFT JOIN enrollments e ON e.user_id = u.id
       LEFT JOIN courses c ON c.id = e.course_id
       WHERE u.code = $1
       GROUP BY u.id`,
      code,
    );
  }

  async #first<T>(sql: string, parameter: string): Promise<T | null> {
    const rows: T[] = await this.dataSource.query(sql, [parameter]);
    return rows[0] ?? null;
  }
}

function isMissing(found: Person | Belonging | null): boolean {
  return found === null;
}

const maxCodeLength = 200;

/** PostgreSQL text cannot hold a NUL; a query with one would fail instead of finding nothing. */
function isPlausibleCode(code: string): boolean {
  return code.length > 0 && code.length <= maxCodeLength && !code.includes('\0');
}
