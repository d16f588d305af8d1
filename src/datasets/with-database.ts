import type { DataSource } from 'typeorm';
import { ConfigurationModule } from '../config/config.module.js';
import type { Environment } from '../config/environment.js';
import { patientDataSource } from '../database/data-source.js';
import { startEmbeddedPostgres } from '../database/embedded-postgres.js';
import { migrate } from '../database/migrate.js';

const log = (line: string): void => {
  console.error(line);
};

/**
 * Gives `work` a migrated database: that of DATABASE_URL, else the service's own in DATA_DIR, which is joined if it
 * runs already and then left running. Ctrl-C undoes the open transaction and stops only what was started here.
 *
 * @param check  throws if that database is not to be touched; called before anything is connected or started
 */
export async function withDatabase<T>(
  work: (dataSource: DataSource) => Promise<T>,
  check?: (environment: Environment) => void,
): Promise<T> {
  const { environment } = await ConfigurationModule.forRoot();
  check?.(environment);
  const embedded =
    environment.DATABASE_URL === undefined
      ? await startEmbeddedPostgres({ dataDir: environment.DATA_DIR, log })
      : undefined;
  const url = environment.DATABASE_URL ?? embedded?.url ?? '';
  const leave = (): void => {
    log('Interrupted: what was under way is undone.');
    void (embedded?.stop() ?? Promise.resolve()).finally(() => process.exit(130));
  };
  process.once('SIGINT', leave).once('SIGTERM', leave);
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
    process.off('SIGINT', leave).off('SIGTERM', leave);
    await embedded?.stop();
  }
}
