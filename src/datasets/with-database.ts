import type { DataSource } from 'typeorm';
import { ConfigurationModule } from '../config/config.module.js';
import type { Environment } from '../config/environment.js';
import { patientDataSource } from '../database/data-source.js';
import { startEmbeddedPostgres } from '../database/embedded-postgres.js';
import { migrate } from '../database/migrate.js';
import { databaseRefusal } from './database-refusal.js';
import { whenInterrupted } from './when-interrupted.js';

const log = (line: string): void => {
  console.error(line);
};

/**
 * Gives `work` a migrated database: that of DATABASE_URL, else the service's own in DATA_DIR, which is joined if it
 * runs already and then left running. Ctrl-C undoes the open transaction and stops only what was started here, also while that
 * still starts.
 *
 * @param check  throws if that database is not to be touched; called before anything is connected or started
 * @throws {CommandRefused} for what the user can mend of the database, in one line; all else as it came
 */
export async function withDatabase<T>(
  work: (dataSource: DataSource) => Promise<T>,
  check?: (environment: Environment) => void,
): Promise<T> {
  const { environment } = await ConfigurationModule.forRoot(undefined, {
    isServing: false,
    usesDatabase: true,
  });
  check?.(environment);
  try {
    return await inDatabase(environment, work);
  } catch (error) {
    throw databaseRefusal(error) ?? error;
  }
}

async function inDatabase<T>(
  environment: Environment,
  work: (dataSource: DataSource) => Promise<T>,
): Promise<T> {
  const starting =
    environment.DATABASE_URL === undefined
      ? startEmbeddedPostgres({ dataDir: environment.DATA_DIR, log })
      : undefined;
  const stay = whenInterrupted(async () => {
    log('Interrupted: what was under way is undone.');
    await (await starting)?.stop();
  });
  const embedded = await starting;
  const url = environment.DATABASE_URL ?? embedded?.url ?? '';
  try {
    const names = await migrate(url, {
      onWait: () => {
        log('Waiting for another process that migrates the database.');
      },
    });
    if (names.length > 0) log(`Database migrated: ${names.join(', ')}`);
    const dataSource = await patientDataSource(url).initialize();
    try {
      return await work(dataSource);
    } finally {
      await dataSource.destroy();
    }
  } finally {
    stay();
    await embedded?.stop();
  }
}
