import type { ClientBase } from 'pg';
import { DataSource, type DataSourceOptions, type Logger } from 'typeorm';
import { Activity } from '../records/activities/activity.entity.js';
import { Course } from '../records/courses/course.entity.js';
import { Enrollment } from '../records/enrollments/enrollment.entity.js';
import { GradeChange } from '../records/submissions/grade-change.entity.js';
import { Submission } from '../records/submissions/submission.entity.js';
import { TutorMessage } from '../records/tutor-sessions/tutor-message.entity.js';
import { TutorSession } from '../records/tutor-sessions/tutor-session.entity.js';
import { User } from '../records/users/user.entity.js';
import type { Environment } from '../config/environment.js';
import { FailFastPool } from './fail-fast-pool.js';
import { InitialSchema1770000000000 } from './migrations/1770000000000-initial-schema.js';
import { AnalyticsIndexes1770000001000 } from './migrations/1770000001000-analytics-indexes.js';
import { OuladImport1770000002000 } from './migrations/1770000002000-oulad-import.js';
import { OutboxRenewal1770000003000 } from './migrations/1770000003000-outbox-renewal.js';
import { DueWhenHandedIn1770000004000 } from './migrations/1770000004000-due-when-handed-in.js';
import { ForgetDeleted1770000005000 } from './migrations/1770000005000-forget-deleted.js';
import { CountersByDifference1770000006000 } from './migrations/1770000006000-counters-by-difference.js';
import { ManyClicksADay1770000007000 } from './migrations/1770000007000-many-clicks-a-day.js';
import { OutboxNamespace1770000008000 } from './migrations/1770000008000-outbox-namespace.js';
import { OutboxAge1770000009000 } from './migrations/1770000009000-outbox-age.js';
import { ForgetPeopleSoon1770000010000 } from './migrations/1770000010000-forget-people-soon.js';
import { FirstTraceCounts1770000011000 } from './migrations/1770000011000-first-trace-counts.js';
import { HintsOfTheTutor1770000012000 } from './migrations/1770000012000-hints-of-the-tutor.js';
import { FirstTraceOfStudents1770000013000 } from './migrations/1770000013000-first-trace-of-students.js';
import { ForgetTraits1770000014000 } from './migrations/1770000014000-forget-traits.js';
import { DaysOfMovedSubmissions1770000015000 } from './migrations/1770000015000-days-of-moved-submissions.js';
import { SubmissionsOfActivities1770000016000 } from './migrations/1770000016000-submissions-of-activities.js';
import { EnrollmentsOfCourses1770000017000 } from './migrations/1770000017000-enrollments-of-courses.js';
import { OpenSessions1770000018000 } from './migrations/1770000018000-open-sessions.js';
import { EndsTold1770000019000 } from './migrations/1770000019000-ends-told.js';
import { SubmissionsTold1770000020000 } from './migrations/1770000020000-submissions-told.js';
import { TermsTold1770000021000 } from './migrations/1770000021000-terms-told.js';
import { ListsByTime1770000022000 } from './migrations/1770000022000-lists-by-time.js';
import { FollowedOutbox1770000023000 } from './migrations/1770000023000-followed-outbox.js';
import { ForgottenOutbox1770000024000 } from './migrations/1770000024000-forgotten-outbox.js';
import { EnrollmentsTold1770000025000 } from './migrations/1770000025000-enrollments-told.js';

const entities = [Activity, Course, Enrollment, GradeChange, Submission, TutorMessage, TutorSession, User];

/** So a vanished host is noticed within half a minute; without the delay it would take the system's two hours. */
export const keptAlive = { keepAlive: true, keepAliveInitialDelayMillis: 10_000 } as const;

const untold = () => undefined;

/** Given to TypeORM because its own logger prints the texts of exceptions when a migration fails, whatever `logging` says. */
const silent: Logger = {
  logQuery: untold,
  logQueryError: untold,
  logQuerySlow: untold,
  logSchemaBuild: untold,
  logMigration: untold,
  log: untold,
};

/** Options of all our connections to PostgreSQL. */
const shared = {
  type: 'postgres',
  entities,
  migrations: [
    InitialSchema1770000000000,
    AnalyticsIndexes1770000001000,
    OuladImport1770000002000,
    OutboxRenewal1770000003000,
    DueWhenHandedIn1770000004000,
    ForgetDeleted1770000005000,
    CountersByDifference1770000006000,
    ManyClicksADay1770000007000,
    OutboxNamespace1770000008000,
    OutboxAge1770000009000,
    ForgetPeopleSoon1770000010000,
    FirstTraceCounts1770000011000,
    HintsOfTheTutor1770000012000,
    FirstTraceOfStudents1770000013000,
    ForgetTraits1770000014000,
    DaysOfMovedSubmissions1770000015000,
    SubmissionsOfActivities1770000016000,
    EnrollmentsOfCourses1770000017000,
    OpenSessions1770000018000,
    EndsTold1770000019000,
    SubmissionsTold1770000020000,
    TermsTold1770000021000,
    ListsByTime1770000022000,
    FollowedOutbox1770000023000,
    ForgottenOutbox1770000024000,
    EnrollmentsTold1770000025000,
  ],
  synchronize: false,
  logging: false,
  logger: silent,
} as const satisfies DataSourceOptions;

type PoolSettings = Pick<Environment, Extract<keyof Environment, `DATABASE_${string}`>>;

/** The pool that serves requests: every wait is bounded, and no statement outlives its caller for long. */
export function requestPool(settings: PoolSettings, onPoolError: (error: Error) => void): DataSourceOptions {
  return {
    ...shared,
    ...(settings.DATABASE_URL === undefined ? {} : { url: settings.DATABASE_URL }),
    applicationName: 'ai-native-backend',
    poolSize: settings.DATABASE_POOL_SIZE,
    connectTimeoutMS: settings.DATABASE_CONNECT_TIMEOUT_MS,
    poolErrorHandler: onPoolError,
    driver: { Pool: FailFastPool },
    extra: {
      queueTimeoutMillis: settings.DATABASE_QUEUE_TIMEOUT_MS,
      statement_timeout: settings.DATABASE_STATEMENT_TIMEOUT_MS,
      lock_timeout: settings.DATABASE_LOCK_TIMEOUT_MS,
      idle_in_transaction_session_timeout: settings.DATABASE_IDLE_IN_TRANSACTION_TIMEOUT_MS,
      query_timeout: settings.DATABASE_QUERY_TIMEOUT_MS,
      ...keptAlive,
      // Idle connections stay: a new one takes time, and has no prepared statements.
      idleTimeoutMillis: 0,
      maxLifetimeSeconds: settings.DATABASE_MAX_LIFETIME,
    },
  };
}

/** Sets only the limits that the server has: an older one lacks some. */
const setLimits = `SELECT set_config(name, CASE name WHEN 'lock_timeout' THEN $1 ELSE '0' END, false) FROM pg_settings
  WHERE name IN ('lock_timeout', 'statement_timeout', 'transaction_timeout', 'idle_session_timeout',
    'idle_in_transaction_session_timeout')`;

/**
 * Removes all time limits on statements, transactions and sessions, also those of the role or the database
 * (`ALTER ROLE … SET`). By a statement, since `pg` does not send limits of 0.
 *
 * @param lockMs  how long a statement waits for a lock; 0: without end
 */
export async function makePatient(client: ClientBase, lockMs: number): Promise<void> {
  await client.query(setLimits, [String(lockMs)]);
}

/**
 * A connection without time limits on statements, for migrations, imports and tests.
 *
 * @param poolSize     connections at most
 * @param tableLockMs  how long a statement waits for a table that others use; 0: without end
 */
export function patientDataSource(url: string, poolSize = 2, tableLockMs = 0): DataSource {
  return new DataSource({
    ...shared,
    url,
    poolSize,
    connectTimeoutMS: 5000,
    applicationName: 'ai-native-backend',
    extra: { ...keptAlive, onConnect: (client: ClientBase) => makePatient(client, tableLockMs) },
  });
}
