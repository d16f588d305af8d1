import { activityRows, courseRows, enrollmentRows, userRows } from './people-rows.js';
import { eventRows } from './event-rows.js';
import { makePlan } from './plan.js';
import { planWork } from './plan-work.js';
import { type PresetName, presets } from './presets.js';
import { messageRows, sessionRows } from './session-rows.js';
import { submissionRows } from './submission-rows.js';
import type { TableRows } from './table-rows.js';

/**
 * The tables of a preset in the order in which they must be loaded. The same preset, seed and moment give the same
 * rows, on every machine. Nothing lies after `asOf` but deadlines and ends of courses.
 *
 * @param seed  a whole number
 */
export function generate(presetName: PresetName, seed: number, asOf: Date): TableRows[] {
  const preset = presets[presetName];
  const plan = makePlan(preset, seed, asOf.getTime());
  const work = planWork(plan);
  return [
    userRows(plan),
    courseRows(plan),
    enrollmentRows(plan, work),
    activityRows(plan),
    submissionRows(plan, work),
    sessionRows(plan),
    messageRows(plan),
    eventRows(plan),
  ];
}
