import { randomUUID } from 'node:crypto';
import type { OpenAPIObject } from '@nestjs/swagger';
import { mintToken } from '../../src/access/mint-token.js';
import { readEnvironment } from '../../src/config/read-environment.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { type AppProcess, required, spawnApp, waitFor200 } from '../support/processes.js';
import { peopleOfTwoCourses, type TwoCourses } from '../support/two-courses.js';
import { fuzz, type FuzzReport } from './fuzz.js';
import { operationsOf, type Operation } from './operations.js';
import { Sender } from './sender.js';

const requests = Number(process.env.FUZZ_REQUESTS ?? 500);
const seed = Number(process.env.FUZZ_SEED ?? 1);
const isLong = process.env.FUZZ_REQUESTS !== undefined;

jest.setTimeout(120_000 + requests * 50);

const secret = 'a-secret-of-this-test-and-nothing-else';
/** The administrator is known to the identity provider only: no request can delete them. */
const callers = {
  admin: ['admin', 'someone@example.org'],
  service: ['service', 'moodle'],
  teacher: ['teacher', 'TEACH001'],
  student: ['student', 'STU001'],
} as const;

let database: TestDatabase;
let facts: TwoCourses;
let app: AppProcess;
let sender: Sender;

beforeAll(async () => {
  database = await createTestDatabase();
  facts = await peopleOfTwoCourses(database.dataSource);
  const env = {
    DATABASE_URL: database.url,
    REDIS_URL: required('TEST_REDIS_URL'),
    CACHE_NAMESPACE: `fuzz-${randomUUID()}:`,
    AUTH_JWT_SECRET: secret,
    LOG_LEVEL: 'error',
  };
  app = await spawnApp({ env });
  await waitFor200(app, '/health/ready', 60_000);
  const tokens = await Promise.all(
    Object.entries(callers).map(async ([name, [role, sub]]) => [
      name,
      await mintToken(readEnvironment(env), { role, sub, ttl: '1d' }),
    ]),
  );
  sender = new Sender(app.url, Object.fromEntries(tokens) as Record<string, string>);
});

afterAll(async () => {
  sender.close();
  await app.stop();
  await database.drop();
});

/** Requests may degrade, delete and drop those who ask, and void what is to be graded. */
async function restore(): Promise<void> {
  await database.dataSource.query(`
    UPDATE users SET deleted_at = NULL, is_active = true,
           role = CASE left(code, 3) WHEN 'STU' THEN 'student' ELSE 'teacher' END
    WHERE code IN ('STU001', 'TEACH001', 'STU002');
    UPDATE enrollments SET status = 'active', ended_at = NULL, final_result = NULL
    WHERE user_id IN (SELECT id FROM users WHERE code IN ('STU001', 'TEACH001', 'STU002'));
    UPDATE submissions SET status = CASE WHEN score IS NULL THEN 'submitted' ELSE 'graded' END
    WHERE status = 'voided' AND id IN (${Object.values(facts.submissions).join()});
    UPDATE tutor_sessions SET ended_at = NULL WHERE code = 'SES-STU001'`);
}

async function openApi(): Promise<OpenAPIObject> {
  const answer = await fetch(`${app.url}/api/v3/openapi.json`);
  return (await answer.json()) as OpenAPIObject;
}

async function run(): Promise<FuzzReport> {
  return fuzz({
    document: await openApi(),
    sender,
    callers: [...Object.keys(callers), 'nobody'],
    known: {
      user_id: ['STU001', 'STU002', 'STU003', 'TEACH002', 'NOBODY'],
      student_id: ['STU001', 'STU002', 'STU003', 'NOBODY'],
      course_id: ['PROG-101', 'PROG-101', 'PROG-102', 'NO-SUCH'],
      activity_id: ['PROG-101-A1', 'PROG-102-A1', 'NO-SUCH'],
      enrollment_id: [...Object.values(facts.enrollments), '999999'],
      submission_id: [...Object.values(facts.submissions), '999999'],
      session_id: ['SES-STU001', 'SES-STU002', 'NO-SUCH'],
      'If-Match': ['*', '"kq3Jw0yq2N3xj8cGqM0r5g"'],
    },
    requests,
    seed,
    restore,
    say: (line) => {
      if (isLong) process.stderr.write(`${line}\n`);
    },
  });
}

it('every answer to made-up requests is one that the OpenAPI document foresees', async () => {
  const startedAt = performance.now();
  const { findings, answers, ...report } = await run();

  const unreached = [...answers].filter(([, counts]) => ![...counts.keys()].some((status) => status < 400));
  const { all } = operationsOf(await openApi());
  const unrepeated = all.filter(
    ({ name, statuses }) => statuses.includes(304) && !answers.get(name)?.has(304),
  );
  const isList = ({ parameters }: Operation) => parameters.some(({ name }) => name === 'cursor');
  const unturned = all.filter((operation) => isList(operation) && !report.pages.has(operation.name));
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  const table = [...answers].map(([name, counts]) => {
    const told = [...counts]
      .sort(([one], [other]) => one - other)
      .map(([status, count]) => `${status}: ${count}`);
    return `  ${name}  ${told.join(', ')}`;
  });
  process.stderr.write(
    [
      ...(isLong ? table : []),
      ...findings.map(
        ({ operation, rule, request, detail }) => `✗ ${operation} ${rule}\n${request}\n→ ${detail}`,
      ),
      `${report.requests} requests made from the document (seed ${seed}) in ${seconds} s: ${findings.length} findings\n`,
    ].join('\n'),
  );
  expect(findings.map(({ operation, rule, request }) => `${operation} ${rule}\n${request}`)).toEqual([]);
  // A long run that never got through somewhere has not tested it.
  if (isLong) {
    expect(unreached.map(([name]) => name)).toEqual([]);
    expect(unrepeated.map(({ name }) => name)).toEqual([]);
    expect(unturned.map(({ name }) => name)).toEqual([]);
    expect(report.acceptedLines).toBeGreaterThan(0);
  }
  expect(app.output()).not.toMatch(/unhandled|TypeError|RangeError/i);
});
