import type { Report } from './report.js';

/** What came of the scenarios of one run. */
export interface Outcome<Name extends string = string> {
  readonly reports: ReadonlyMap<Name, Report>;
  /** What those that failed said. */
  readonly failures: ReadonlyMap<Name, string>;
}

/**
 * One after the other. What fails takes nothing from the others.
 *
 * @param onEnd  after each, with what there is by then
 */
export async function runScenarios<Name extends string>(
  scenarios: readonly (readonly [Name, () => Promise<Report>])[],
  onEnd: (name: Name, outcome: Outcome<Name>) => void,
): Promise<Outcome<Name>> {
  const reports = new Map<Name, Report>();
  const failures = new Map<Name, string>();
  for (const [name, run] of scenarios) {
    try {
      reports.set(name, await run());
    } catch (error) {
      failures.set(name, error instanceof Error ? error.message : String(error));
    }
    onEnd(name, { reports, failures });
  }
  return { reports, failures };
}
