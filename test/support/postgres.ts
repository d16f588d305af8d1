import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
import type { DataSource } from 'typeorm';
import { patientDataSource } from '../../src/database/data-source.js';
import { migrate } from '../../src/database/migrate.js';

export interface TestDatabase {
  url: string;
  dataSource: DataSource;
  /** Closes the data source and removes the database, whoever is still connected. */
  drop(): Promise<void>;
}

/** URL of the server that tests may create databases on. */
export function testServerUrl(): string {
  const url = process.env.TEST_DATABASE_URL;
  if (!url)
    throw new Error('TEST_DATABASE_URL is not set: run `npm test`, which starts a PostgreSQL for the tests.');
  return url;
}

/** A database of its own, empty. */
export async function createEmptyDatabase(): Promise<{ url: string; drop: () => Promise<void> }> {
  const server = testServerUrl();
  const name = `test_${randomBytes(8).toString('hex')}`;
  await onServer(server, `CREATE DATABASE ${name}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  return { url: url.href, drop: () => onServer(server, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`) };
}

/** A database of its own with the schema in it, and a data source on it without time limits. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const { url, drop } = await createEmptyDatabase();
  await migrate(url);
  const dataSource = await patientDataSource(url, 4).initialize();
  return {
    url,
    dataSource,
    drop: async () => {
      if (dataSource.isInitialized) await dataSource.destroy();
      await drop();
    },
  };
}

async function onServer(url: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5000 });
  try {
    await client.connect();
  } catch (error) {
    throw new Error('The PostgreSQL of TEST_DATABASE_URL does not answer.', { cause: error });
  }
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
