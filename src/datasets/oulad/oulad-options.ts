import type { Starts } from './starts.js';

export interface OuladOptions {
  /** Folder of the CSV files. */
  readonly dir: string;
  /** Where records go that cannot be imported, as NDJSON. */
  readonly rejectsFile: string;
  readonly starts: Starts;
  /** Also import the pages of vle.csv, as activities that are not required. */
  readonly materials: boolean;
  /** Also import gender, region, education, deprivation, age and disability, into a table of their own. */
  readonly withDemographics: boolean;
  /** Import only what had happened by this day after the start; `null`: everything. */
  readonly asOfDay: number | null;
}
