import { QueryFailedError, type DataSource, type EntityManager } from 'typeorm';
import { asksForAnotherRun, runAgain } from '../database/run-again.js';
import { Problem } from '../http/problem.js';

/** Numbers that we count up ourselves: an import that took one meanwhile knows nothing of our locks. */
const countedUp = 'submissions_attempt_key';

/** What the caller is told when a constraint of the schema refuses their row. */
const conflicts: Record<string, string> = {
  users_code_key: 'A user with this id exists already, or existed.',
  users_email_key: 'Another user has this email address.',
  courses_code_key: 'A course with this id exists already.',
  activities_code_key: 'An activity with this id exists already.',
  enrollments_user_course_role_key: 'This person has been enrolled in this course in this role already.',
  tutor_sessions_code_key: 'A session with this id exists already.',
  tutor_sessions_client_id_key: 'This client_id belongs to another session.',
  tutor_messages_client_id_key: 'This client_id belongs to another message.',
  submissions_client_id_key: 'This client_id belongs to another submission.',
};

/**
 * Runs `work` in one transaction, again (at most three times, after a random pause) when the database breaks it off for
 * another's sake, or when a number that was counted up is taken.
 *
 * @throws {Problem} `conflict` or `unprocessable` when the schema refuses a row; other errors unchanged
 */
export async function inTransaction<T>(
  dataSource: DataSource,
  work: (manager: EntityManager) => Promise<T>,
): Promise<T> {
  try {
    return await runAgain(() => dataSource.transaction(work), isRetryable);
  } catch (error) {
    const failure = databaseFailure(error);
    throw (failure && refusal(failure)) ?? error;
  }
}

interface DatabaseFailure {
  code: string;
  constraint?: string;
}

function databaseFailure(error: unknown): DatabaseFailure | undefined {
  if (!(error instanceof QueryFailedError)) return undefined;
  const driverError: unknown = error.driverError;
  return driverError as DatabaseFailure;
}

function isRetryable(error: unknown): boolean {
  const failure = databaseFailure(error);
  if (!failure) return false;
  return asksForAnotherRun(failure.code) || (failure.code === '23505' && failure.constraint === countedUp);
}

function refusal({ code, constraint }: DatabaseFailure): Problem | undefined {
  if (code === '23505') {
    return new Problem('conflict', conflicts[constraint ?? ''] ?? 'This exists already.');
  }
  if (code === '23514' || code === '22003') {
    return new Problem('unprocessable', 'A value lies outside of what can be stored.');
  }
  return undefined;
}
