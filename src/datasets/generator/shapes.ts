import { elementAt } from './element-at.js';

/**
 * Shapes measured on the Open University Learning Analytics Dataset (OULAD), as points of piecewise linear
 * functions. `z` is a standard normal number: quantile 5 % = -1.645, 25 % = -0.674, 75 % = 0.674, 90 % = 1.282.
 */
type Curve = readonly (readonly [x: number, y: number])[];

/** Score of a piece of work, 0-100: p5 43, p25 66, median 78, p75 88, 4 % below 40, a heap at 100. */
export const scoreOfZ: Curve = [
  [-3.2, 0],
  [-2.4, 20],
  [-1.751, 40],
  [-1.645, 43],
  [-0.674, 66],
  [0, 78],
  [0.674, 88],
  [1.34, 100],
];

/** Days a submission comes after its due time: p5 -9, p25 -1, median 0, p90 +6, p99 +18; 19 % are late. */
export const latenessDaysOfZ: Curve = [
  [-3, -21],
  [-1.645, -9],
  [-0.674, -1],
  [0, -0.3],
  [0.878, 0],
  [1.08, 2],
  [1.282, 6],
  [1.751, 9.5],
  [2.326, 18],
  [3, 27],
];

/** Chance that a piece of work is never handed in, by diligence: 11 % in all, most of it from one student in eight. */
export const missingOfDiligence: Curve = [
  [-1.5, 0.78],
  [-1.1, 0.42],
  [-0.8, 0.06],
  [0, 0.02],
  [1, 0.01],
];

/** Days of registration after the start of the course, by share of the students. */
export const registrationDays: Curve = [
  [0, -240],
  [0.1, -142],
  [0.5, -57],
  [0.9, -21],
  [0.993, 0],
  [1, 14],
];

/** Days after the start on which those who leave do so, by share of them, in a course of 268 days. */
export const leavingDays: Curve = [
  [0, -90],
  [0.27, 0],
  [0.5, 27],
  [0.75, 109],
  [0.9, 170],
  [1, 250],
];
export const leavingCourseDays = 268;
export const leavingShare = 0.31;

/** Clicks in one row: with seven rows on an active day a median of 20, a mean of 31. */
export const clicks: Curve = [
  [0, 1],
  [0.45, 1],
  [0.55, 2],
  [0.75, 4],
  [0.9, 9],
  [0.98, 26],
  [1, 60],
];
export const rowsPerActiveDay = 7;

/** Hour of the day by share of what happens: little at night, most in the evening. */
export const hourOfDay: Curve = [
  [0, 0],
  [0.04, 7],
  [0.3, 13],
  [0.6, 18],
  [0.93, 22.5],
  [1, 24],
];

/** Length of a tutor session, minutes. */
export const sessionMinutes: Curve = [
  [0, 2],
  [0.25, 10],
  [0.5, 22],
  [0.75, 41],
  [0.95, 95],
  [1, 200],
];

/** Activity by day of the week, Sunday first. */
export const weekdays: readonly number[] = [1, 1.15, 1.2, 1.2, 1.1, 0.75, 0.65];

/** The value of a curve at `x`; beyond its ends, the value at the end. */
export function along(curve: Curve, x: number): number {
  let [fromX, fromY] = elementAt(curve, 0);
  if (x <= fromX) return fromY;
  for (const [toX, toY] of curve) {
    if (x < toX) return fromY + ((toY - fromY) * (x - fromX)) / (toX - fromX);
    [fromX, fromY] = [toX, toY];
  }
  return fromY;
}

/** Splits `total` into whole parts in proportion to `weights`; the parts add up to `total` exactly. */
export function shareOut(total: number, weights: readonly number[]): number[] {
  const sum = weights.reduce((a, b) => a + b, 0);
  if (sum <= 0) {
    if (total > 0) throw new Error(`nothing to share ${total} rows out to`);
    return weights.map(() => 0);
  }
  let passed = 0;
  let given = 0;
  const last = weights.findLastIndex((weight) => weight > 0);
  return weights.map((weight, index) => {
    passed += weight;
    const upTo = index >= last ? total : Math.floor((total * passed) / sum);
    const part = upTo - given;
    given = upTo;
    return part;
  });
}
