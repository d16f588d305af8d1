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

/** What databases with the schema are copies of: migrations take far longer. Lives as long as the server, one run. */
const migrated = 'migrated';
/** Any number: whoever holds it makes that database, and others wait. */
const migratedLock = 1_780_000_000;
const noSuchDatabase = '3D000';

interface Database {
  readonly url: string;
  readonly drop: () => Promise<void>;
}

/** A database of its own, empty. */
export async function createEmptyDatabase(): Promise<Database> {
  const name = newName();
  await onServer((server) => server.query(`CREATE DATABASE ${name}`));
  return databaseOf(name);
}

async function createMigratedDatabase(): Promise<Database> {
  const name = newName();
  await onServer(async (server) => {
    const copy = () => server.query(`CREATE DATABASE ${name} TEMPLATE ${migrated}`);
    await copy().catch(async (error: unknown) => {
      if ((error as { code?: string }).code !== noSuchDatabase) throw error;
      await makeMigrated(server);
      await copy();
    });
  });
  return databaseOf(name);
}

/** Under another name until it is whole. */
async function makeMigrated(server: Client): Promise<void> {
  await server.query('SELECT pg_advisory_lock($1)', [migratedLock]);
  try {
    const { rowCount } = await server.query('SELECT FROM pg_database WHERE datname = $1', [migrated]);
    if (rowCount) return;
    const unfinished = `${migrated}_unfinished`;
    // Of one who failed.
    await server.query(`DROP DATABASE IF EXISTS ${unfinished} WITH (FORCE)`);
    await server.query(`CREATE DATABASE ${unfinished}`);
    await migrate(urlOf(unfinished));
    // A template that somebody is connected to cannot be copied.
    await server.query(`ALTER DATABASE ${unfinished} ALLOW_CONNECTIONS false`);
    await server.query(`ALTER DATABASE ${unfinished} RENAME TO ${migrated}`);
  } finally {
    await server.query('SELECT pg_advisory_unlock($1)', [migratedLock]);
  }
}

function databaseOf(name: string): Database {
  return {
    url: urlOf(name),
    drop: () => onServer((server) => server.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)),
  };
}

function newName(): string {
  return `test_${randomBytes(8).toString('hex')}`;
}

function urlOf(name: string): string {
  const url = new URL(testServerUrl());
  url.pathname = `/${name}`;
  return url.href;
}

/** A database of its own with the schema in it, and a data source on it without time limits. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const { url, drop } = await createMigratedDatabase();
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

async function onServer(work: (server: Client) => Promise<unknown>): Promise<void> {
  const client = new Client({ connectionString: testServerUrl(), connectionTimeoutMillis: 5000 });
  try {
    await client.connect();
  } catch (error) {
    throw new Error('The PostgreSQL of TEST_DATABASE_URL does not answer.', { cause: error });
  }
  try {
    await work(client);
  } finally {
    await client.end();
  }
}
