import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { readEnvironment } from '../config/read-environment.js';
import { DatabaseConnection } from './database-connection.js';

function refusal(code: string, message: string): Buffer {
  const fields = Buffer.from(`SFATAL\0C${code}\0M${message}\0\0`, 'latin1');
  const head = Buffer.from('E\0\0\0\0', 'latin1');
  head.writeInt32BE(fields.length + 4, 1);
  return Buffer.concat([head, fields]);
}

/** What PostgreSQL answers while it reads its files. */
const startingUp = refusal('57P03', 'the database system is starting up');

let attempts: number;
let server: Server;
let answer: Buffer;
let told: unknown[];

beforeEach(() => {
  attempts = 0;
  answer = startingUp;
  told = [];
  jest
    .spyOn(Logger.prototype, 'error')
    .mockImplementation((...[record]: unknown[]) => void told.push(record));
  server = createServer((socket) => {
    attempts++;
    socket.on('error', () => undefined).once('data', () => socket.end(answer));
  });
});

afterEach(() => {
  server.close();
  jest.restoreAllMocks();
});

async function listen(port: number): Promise<number> {
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

function connectionTo(port: number, parameters = ''): DatabaseConnection {
  const DATABASE_URL = `postgres://app@127.0.0.1:${String(port)}/app${parameters}`;
  return new DatabaseConnection(
    new DataSource({ type: 'postgres', url: DATABASE_URL }),
    readEnvironment({ DATABASE_URL }),
  );
}

const until = async (isSo: () => boolean) => {
  while (!isSo()) await new Promise(setImmediate);
};

it('says why the database cannot be had, each reason once, however often it is tried', async () => {
  const port = await listen(0);
  server.close();
  const connection = connectionTo(port);

  const opening = connection.open();
  await until(() => told.length > 0);
  await listen(port);
  await until(() => attempts === 3);
  await connection.onApplicationShutdown();
  await opening;

  expect(told).toEqual([
    { event: 'database.not_ready', reason: 'ECONNREFUSED' },
    { event: 'database.not_ready', reason: '57P03' },
  ]);
});

it.each([
  ['speaks no TLS where it is to', Buffer.from('N'), { event: 'database.not_ready', reason: 'no-tls' }],
  [
    'is a pooler',
    refusal('08P01', 'unsupported startup parameter: lock_timeout'),
    { event: 'database.pooler' },
  ],
])('says that the server %s', async (_, given, line) => {
  answer = given;
  const isAskedForTls = given.length === 1;
  const connection = connectionTo(await listen(0), isAskedForTls ? '?sslmode=verify-full' : '');

  const opening = connection.open();
  await until(() => told.length > 0);
  await connection.onApplicationShutdown();
  await opening;

  expect(told).toEqual([line]);
});
