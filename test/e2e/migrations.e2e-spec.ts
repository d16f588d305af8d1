import { Client } from 'pg';
import { migrate } from '../../src/database/migrate.js';
import { createEmptyDatabase } from '../support/postgres.js';
import { spawnApp, waitFor200 } from '../support/processes.js';

jest.setTimeout(120_000);

describe('migrations', () => {
  let database: Awaited<ReturnType<typeof createEmptyDatabase>>;
  let client: Client;

  beforeEach(async () => {
    database = await createEmptyDatabase();
    client = new Client({ connectionString: database.url });
    await client.connect();
  });

  afterEach(async () => {
    await client.end();
    await database.drop();
  });

  it('run once when three processes start together', async () => {
    const apps = await Promise.all([1, 2, 3].map(() => spawnApp({ env: { DATABASE_URL: database.url } })));

    await Promise.all(apps.map((app) => waitFor200(app, '/health/startup', 60_000)));

    const migrated = apps.filter((app) => app.output().includes('Database migrated'));
    expect(migrated).toHaveLength(1);
    for (const app of apps) expect(app.output()).not.toMatch(/ - ERROR - /);
    const { rows } = await client.query<{ name: string; times: number }>(
      'SELECT name, count(*)::int AS times FROM migrations GROUP BY name',
    );
    expect(rows.length).toBeGreaterThan(0);
    expect(rows.filter(({ times }) => times !== 1)).toEqual([]);
    await Promise.all(apps.map((app) => app.stop()));
  });

  it('tell what they did, and find nothing to do the second time', async () => {
    expect(await migrate(database.url)).toContain('InitialSchema1770000000000');
    expect(await migrate(database.url)).toEqual([]);
  });

  it('give up when another process keeps its turn for too long, and leave the schema alone', async () => {
    await client.query('SELECT pg_advisory_lock(1770000000)');

    await expect(migrate(database.url, 200)).rejects.toMatchObject({ code: '55P03' });

    const { rows } = await client.query<{ table: string | null }>(`SELECT to_regclass('users') AS table`);
    expect(rows[0]?.table).toBeNull();
  });
});
