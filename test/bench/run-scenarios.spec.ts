import { unfinishedPage, type Run } from './document.js';
import type { Report } from './report.js';
import { runScenarios } from './run-scenarios.js';

const report = (title: string): Report => ({ title, notes: [], tables: [], figures: [] });
const gives = (title: string) => () => Promise.resolve(report(title));
const fails = () => Promise.reject(new Error('the generator ended'));

it('a scenario that fails is told of, and those after it are run', async () => {
  const told: string[] = [];
  const { reports, failures } = await runScenarios(
    [
      ['first', gives('First')],
      ['second', fails],
      ['third', gives('Third')],
    ],
    (name, { reports, failures }) => told.push(`${name}: ${reports.size} and ${failures.size}`),
  );

  expect([...reports.keys()]).toEqual(['first', 'third']);
  expect([...failures]).toEqual([['second', 'the generator ended']]);
  expect(told).toEqual(['first: 1 and 0', 'second: 1 and 1', 'third: 2 and 1']);
});

it('a page that is not whole says so first, with what failed and what is missing', () => {
  const run = { rounds: 1, seconds: 1, lock: { packages: {} } } as unknown as Run;
  const page = unfinishedPage(run, ['throughput', 'misses', 'memory'], {
    reports: new Map([['throughput', report('Hits per second')]]),
    failures: new Map([['misses', 'Error:\n  the generator ended']]),
  });

  expect(page).toMatch(/^# Benchmarks that are not whole\n/);
  expect(page).toContain('\n- `misses` failed: Error: the generator ended\n- `memory` was not run\n');
  expect(page).toContain('## Hits per second');
});
