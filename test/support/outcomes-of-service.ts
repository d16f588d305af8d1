import { createTestDatabase } from './postgres.js';
import { pollUntil, spawnApp, waitFor200 } from './processes.js';
import { peopleOfTwoCourses } from './two-courses.js';
import { VersionedCourse } from './versioned-course.js';

/** What the built service says of a read, of the first that is a hit, and of the one after a write. */
export const servedWell = ['MISS', 'HIT', 'MISS'];

/**
 * Starts the built service on a database of its own and reads, reads and writes.
 *
 * @param redis  where its environment says that Redis is
 * @returns what becomes of the reads, to be compared with {@link servedWell}, and of answers that were too old
 */
export async function outcomesOfService(redis: Record<string, string>): Promise<(string | null)[]> {
  const database = await createTestDatabase();
  await peopleOfTwoCourses(database.dataSource);
  const app = await spawnApp({ env: { DATABASE_URL: database.url, LOG_LEVEL: 'warn', ...redis } });
  try {
    await waitFor200(app, '/health/ready', 60_000);
    await pollUntil(async () => {
      const answer = await fetch(`${app.url}/metrics`);
      return (await answer.text()).includes('\ncache_store_available 1\n');
    }, 30_000);
    const course = new VersionedCourse(() => app.url);
    const first = await course.read();
    let second = first;
    // It is kept behind the first answer.
    await pollUntil(async () => (second = await course.read()).cache !== 'MISS', 10_000);
    await course.write();
    const third = await course.read();
    return [first.cache, second.cache, third.cache, ...course.wrong];
  } finally {
    await app.stop();
    await database.drop();
  }
}
