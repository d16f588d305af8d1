import { generate } from './generate.js';
import { along, shareOut } from './shapes.js';
import type { Cell } from './table-rows.js';

const asOf = new Date('2026-02-05T18:52:18Z');
const dayMs = 86_400_000;

const tables = generate('bench-1m', 42, asOf);

/** Its rows can be read once. */
function table(name: string): Record<string, Cell>[] {
  const { columns, rows } = tables.find((one) => one.table === name)!;
  return [...rows].map((row) => Object.fromEntries(columns.map((column, index) => [column, row[index]!])));
}

function quantile(values: number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(share * (values.length - 1))]!;
}
const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;
const time = (cell: Cell | undefined): number => Date.parse(String(cell));

describe('the shapes of the generated rows, beside what OULAD measures', () => {
  const activities = new Map(table('activities').map((activity) => [activity.id, activity]));
  const firsts = table('submissions').filter((submission) => submission.attempt_no === 1);
  const students = table('enrollments').filter((enrollment) => enrollment.role === 'student');
  const courses = new Map(table('courses').map((course) => [course.id, course]));

  it('has 19 % of the submissions late, by a week', () => {
    const lateDays = firsts
      .map((one) => (time(one.submitted_at) - time(activities.get(one.activity_id)!.due_at)) / dayMs)
      .toSorted((a, b) => a - b);
    const late = lateDays.filter((days) => days > 0);

    expect(late.length / lateDays.length).toBeCloseTo(0.19, 1);
    expect(Math.abs(mean(late) - 6.7)).toBeLessThan(1.5);
    expect(Math.abs(quantile(lateDays, 0.5))).toBeLessThan(1);
    expect(Math.abs(quantile(lateDays, 0.9) - 6)).toBeLessThan(2);
  });

  it('has scores of mean 75 and deviation 19, left-skewed, a few under 40, a heap at 100', () => {
    const scores = firsts.flatMap((one) => (one.score === null ? [] : [Number(one.score)]));
    const deviation = Math.sqrt(mean(scores.map((score) => (score - mean(scores)) ** 2)));

    expect(Math.abs(mean(scores) - 75)).toBeLessThan(2.5);
    expect(Math.abs(deviation - 19)).toBeLessThan(2);
    expect(Math.abs(quantile(scores, 0.5) - 78)).toBeLessThan(2);
    expect(Math.abs(quantile(scores, 0.25) - 66)).toBeLessThan(3);
    expect(Math.abs(scores.filter((score) => score < 40).length / scores.length - 0.04)).toBeLessThan(0.02);
    expect(scores.filter((score) => score === 100).length / scores.length).toBeGreaterThan(0.06);
  });

  it('correlates the scores of a student at about 0.44', () => {
    const pairs: [number, number][] = [];
    for (const [index, one] of firsts.entries()) {
      const next = firsts[index + 1];
      if (!next || next.user_id !== one.user_id || one.score === null || next.score === null) continue;
      pairs.push([Number(one.score), Number(next.score)]);
    }
    const [meanX, meanY] = [mean(pairs.map(([x]) => x)), mean(pairs.map(([, y]) => y))];
    const covariance = mean(pairs.map(([x, y]) => (x - meanX) * (y - meanY)));
    const varianceX = mean(pairs.map(([x]) => (x - meanX) ** 2));
    const varianceY = mean(pairs.map(([, y]) => (y - meanY) ** 2));

    expect(Math.abs(covariance / Math.sqrt(varianceX * varianceY) - 0.44)).toBeLessThan(0.08);
  });

  it('has 11 % of the due work of those who stay missing, most of it from few students', () => {
    const handedIn = new Set(firsts.map((one) => `${String(one.user_id)}/${String(one.activity_id)}`));
    const shares = students.flatMap((student) => {
      const due = [...activities.values()].filter(
        (activity) => activity.course_id === student.course_id && time(activity.due_at) <= asOf.getTime(),
      );
      if (student.status === 'dropped' || due.length === 0) return [];
      return [mean(due.map((one) => (handedIn.has(`${String(student.user_id)}/${String(one.id)}`) ? 0 : 1)))];
    });
    const most = shares.toSorted((a, b) => b - a).slice(0, Math.floor(shares.length * 0.15));

    expect(Math.abs(mean(shares) - 0.12)).toBeLessThan(0.04);
    expect((mean(most) * most.length) / (mean(shares) * shares.length)).toBeGreaterThan(0.6);
  });

  it('lets 31 % leave by the end of a course, and those fail more who have tried before', () => {
    const over = students.filter((one) => time(courses.get(one.course_id)!.ends_at) <= asOf.getTime());
    const withoutPass = (attempts: number) =>
      mean(
        over
          .filter((one) => one.prior_attempts === attempts)
          .map((one) => (one.final_result === 'fail' || one.final_result === 'withdrawn' ? 1 : 0)),
      );

    expect(mean(over.map((one) => (one.status === 'dropped' ? 1 : 0)))).toBeCloseTo(0.31, 1);
    expect(Math.abs(withoutPass(0) - 0.51)).toBeLessThan(0.08);
    expect(withoutPass(1)).toBeGreaterThan(withoutPass(0));
    expect(over.every((one) => one.status !== 'active' && one.ended_at !== null)).toBe(true);
  });
});

describe('a share-out', () => {
  it('adds up and gives nothing to a weight of 0', () => {
    expect(shareOut(10, [1, 0, 1, 0])).toEqual([5, 0, 5, 0]);
    expect(shareOut(7, [1, 1, 1]).reduce((a, b) => a + b)).toBe(7);
    expect(shareOut(0, [0, 0])).toEqual([0, 0]);
    expect(() => shareOut(1, [0, 0])).toThrow('nothing to share');
  });
});

describe('a curve', () => {
  it('is linear between its points and flat beyond them', () => {
    const curve = [
      [0, 10],
      [1, 20],
    ] as const;
    expect([-1, 0, 0.25, 1, 9].map((x) => along(curve, x))).toEqual([10, 10, 12.5, 20, 20]);
  });
});
