// npm run bench:queries: measures what a miss costs.
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Logger } from '@nestjs/common';
import pg from 'pg';
import { readOptions, wholeNumber } from './options.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const usage = `npm run bench:queries -- [options]

Measures each read, straight from the built services, on the generated presets bench-1m and hot-course. They are loaded
once into databases of their own (bench_1m, bench_hot_course) beside the one of DATABASE_URL, or in the service's own
PostgreSQL, and kept. Exits with 1 if a median misses its target.

  --runs <n>  of each read, from 5 on, default 30
`;
const runs = readOptions(usage, { options: { runs: { type: 'string', default: '30' } } }, ({ values }) =>
  wholeNumber('runs', values.runs, 5),
);
const asOf = new Date('2026-02-05T18:52:18Z');

if (spawnSync(process.execPath, [resolve(root, 'scripts/ensure.mjs')], { stdio: 'inherit' }).status !== 0) {
  process.exit(2);
}
Logger.overrideLogger(false);
const load = (path) => import(new URL(`../dist/${path}`, import.meta.url));
const { patientDataSource } = await load('database/data-source.js');
const { migrate } = await load('database/migrate.js');
const { loadPreset } = await load('datasets/load-preset.js');
const { CourseAnalyticsService } = await load('analytics/courses/course-analytics.service.js');
const { PeerActivityService } = await load('analytics/students/peer-activity.service.js');
const { StudentRiskService } = await load('analytics/students/student-risk.service.js');
const { SubmissionsService } = await load('records/submissions/submissions.service.js');
const { SystemStatsService } = await load('system/system-stats.service.js');

/** The service keeps the medians of a course for all of its students; so does the bench. */
class RememberedPeers {
  #kept = new Map();
  constructor(peers) {
    this.peers = peers;
  }
  medians(courseId, asOf) {
    const key = `${courseId} ${asOf}`;
    if (!this.#kept.has(key)) this.#kept.set(key, this.peers.medians(courseId, asOf));
    return this.#kept.get(key);
  }
}

const { server, stop } = await databaseServer();
const lines = [];
try {
  await onPreset('bench-1m', 'bench_1m', async (dataSource) => {
    const { courses, students, firstStudents, system } = services(dataSource);
    const ids = await studentIds(dataSource);
    await measure('course analytics, 700 students', 100, () => courses.courseAt('PROG-101', asOf));
    await measure('student risk, one course', 15, (i) =>
      students.riskAt(ids[i % ids.length], 'PROG-101', asOf),
    );
    await measure('student risk, all courses', 15, (i) => students.riskAt(ids[i % ids.length], null, asOf));
    await measure('  first of a course in 30 s', 15, (i) =>
      firstStudents.riskAt(ids[i % ids.length], 'PROG-101', asOf),
    );
    await measure('system stats', 10, () => system.stats(asOf));
  });
  await onPreset('hot-course', 'bench_hot_course', async (dataSource) => {
    const { courses, students, firstStudents, system } = services(dataSource);
    const ids = await studentIds(dataSource);
    await measure('course analytics, 5,000 students', 500, () => courses.courseAt('PROG-101', asOf));
    await measure('student risk among 5,000', 15, (i) =>
      students.riskAt(ids[i % ids.length], 'PROG-101', asOf),
    );
    await measure('  first of a course in 30 s', null, (i) =>
      firstStudents.riskAt(ids[i % ids.length], 'PROG-101', asOf),
    );
    await measure('system stats', 10, () => system.stats(asOf));
    const submissions = new SubmissionsService(dataSource);
    const list = (course) =>
      submissions.list({ role: 'admin', sub: 'bench' }, { limit: 50, course_id: course });
    await measure('submissions of a course', 50, () => list('PROG-101'));
    await measure('  of one that has none', 20, () => list('NONE'));
  });
} finally {
  await stop();
}
print();
process.exitCode = lines.some(({ verdict }) => verdict === 'MISSED') ? 1 : 0;

function services(dataSource) {
  const peers = new PeerActivityService(dataSource);
  return {
    courses: new CourseAnalyticsService(dataSource),
    students: new StudentRiskService(dataSource, new RememberedPeers(peers)),
    firstStudents: new StudentRiskService(dataSource, peers),
    system: new SystemStatsService(dataSource),
  };
}

async function studentIds(dataSource) {
  const rows = await dataSource.query(
    `SELECT u.code FROM enrollments e JOIN users u ON u.id = e.user_id JOIN courses c ON c.id = e.course_id
     WHERE c.code = 'PROG-101' AND e.role = 'student' AND e.status = 'active' ORDER BY u.code LIMIT 500`,
  );
  return rows.map(({ code }) => code);
}

async function measure(read, targetMs, run) {
  const times = [];
  for (let i = -3; i < runs; i++) {
    const start = performance.now();
    await run(i + 3);
    if (i >= 0) times.push(performance.now() - start);
  }
  times.sort((a, b) => a - b);
  const medianMs = times[Math.floor(times.length / 2)];
  const p95Ms = times[Math.ceil(times.length * 0.95) - 1];
  const verdict = targetMs === null ? '' : medianMs < targetMs ? 'ok' : 'MISSED';
  lines.push({ read, medianMs, p95Ms, targetMs, verdict });
}

async function onPreset(preset, database, work) {
  const url = new URL(server);
  url.pathname = `/${database}`;
  await create(database);
  await migrate(url.href);
  const dataSource = await patientDataSource(url.href, 4).initialize();
  try {
    console.error(`${preset}: loading, or using what is there`);
    const { isLoaded } = await loadPreset(dataSource, { preset, asOf, whenNotEmpty: 'skip' });
    if (isLoaded) await dataSource.query('VACUUM ANALYZE');
    const [{ count }] = await dataSource.query('SELECT count(*)::int FROM events');
    lines.push({ heading: `${preset} (${count.toLocaleString('en')} events)` });
    await work(dataSource);
  } finally {
    await dataSource.destroy();
  }
}

async function create(database) {
  const client = new pg.Client({ connectionString: server });
  await client.connect();
  try {
    const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [database]);
    if (rowCount === 0) await client.query(`CREATE DATABASE ${database}`);
  } finally {
    await client.end();
  }
}

async function databaseServer() {
  if (process.env.DATABASE_URL) return { server: process.env.DATABASE_URL, stop: () => Promise.resolve() };
  const { startEmbeddedPostgres } = await load('database/embedded-postgres.js');
  const dataDir = resolve(root, process.env.DATA_DIR ?? 'data');
  const log = (line) => {
    console.error(line);
  };
  const embedded = await startEmbeddedPostgres({ dataDir, log });
  return { server: embedded.url, stop: () => embedded.stop() };
}

function print() {
  const ms = (number) => (number === null ? '' : `${number.toFixed(1)} ms`).padStart(10);
  console.log(`${'read'.padEnd(38)}${'median'.padStart(10)}${'p95'.padStart(10)}${'target'.padStart(10)}`);
  for (const { heading, read, medianMs, p95Ms, targetMs, verdict } of lines) {
    if (heading) console.log(heading);
    else console.log(`  ${read.padEnd(36)}${ms(medianMs)}${ms(p95Ms)}${ms(targetMs)}  ${verdict}`);
  }
  console.log(`${runs} runs each, without any cache, one after another.`);
}
