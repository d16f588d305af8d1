import { isoWeek, twelveMondays } from '../../src/analytics/iso-week.js';
import { assessRisk, topFactor, type Risk } from '../../src/analytics/risk/risk-model.js';
import { day, minute, type Rows, rowsUntil } from './analytics-rows.js';

const verbs = ['viewed', 'opened', 'passed'];
const sum = (list: number[]) => list.reduce((a, b) => a + b, 0);
const mean = (list: number[]) => (list.length === 0 ? null : sum(list) / list.length);
const sorted = (list: number[]) => [...list].sort((a, b) => a - b);
const round = (x: number | null, decimals: number) =>
  x === null ? null : Math.round(x * 10 ** decimals) / 10 ** decimals;
const share = (part: number, whole: number) => (whole === 0 ? null : round(part / whole, 4));
const dayOf = (at: number) => Math.floor(at / day);
const iso = (at: number | null) => (at === null ? null : new Date(at).toISOString());

function quantile(list: number[], p: number): number | null {
  if (list.length === 0) return null;
  const at = (list.length - 1) * p;
  const low = sorted(list)[Math.floor(at)]!;
  return low + (sorted(list)[Math.ceil(at)]! - low) * (at % 1);
}
const five = (list: number[]) =>
  list.length === 0 ? null : [0, 0.25, 0.5, 0.75, 1].map((p) => round(quantile(list, p), 2));

/** The measures written down a second time, row by row and without SQL. */
export function reference(all: Rows, asOf: number) {
  const rows = rowsUntil(all, asOf);
  const { course } = rows;
  const published = rows.activities.filter(({ status }) => status === 'published');
  const active = rows.students.filter(({ status }) => status === 'active');
  const isDue = (activity: { dueAt: number | null }) => activity.dueAt !== null && activity.dueAt <= asOf;

  const pairs = active.flatMap((student) =>
    published.map((activity) => {
      const attempts = rows.submissions
        .filter((s) => s.student === student.code && s.activity === activity.code && s.status !== 'voided')
        .sort((a, b) => a.attempt - b.attempt);
      const real = attempts.filter(({ status }) => status !== 'banked');
      const dueAt = real[0]?.dueAtEffective ?? null;
      const isLate =
        real.length > 0 && dueAt !== null && Math.floor(real[0]!.at / minute) > Math.floor(dueAt / minute);
      const isBanked = attempts.length > 0 && real.length === 0;
      const state = isBanked
        ? 'banked'
        : real.length > 0
          ? isLate
            ? 'late'
            : 'on_time'
          : isDue(activity)
            ? 'missing'
            : 'floating';
      return {
        student: student.code,
        activity,
        attempts: real,
        isSubmitted: attempts.length > 0,
        hasDue: real.length > 0 && dueAt !== null,
        isBygone: activity.dueAt !== null && activity.dueAt < student.enrolledAt,
        state,
        score: real.at(-1)?.score ?? null,
      };
    }),
  );
  type Pair = (typeof pairs)[number];
  const states = (of: Pair[]) => {
    const count = (state: string) => of.filter((pair) => pair.state === state).length;
    const counts = {
      on_time: count('on_time'),
      late: count('late'),
      missing: count('missing'),
      floating: count('floating'),
    };
    return { ...counts, total: of.length - count('banked') };
  };

  const students = active.map((student) => {
    const own = pairs.filter((pair) => pair.student === student.code);
    const sessions = rows.sessions.filter((s) => s.student === student.code);
    const messages = rows.messages.filter((m) => sessions.some((s) => s.code === m.session));
    const moments = [
      ...rows.events.filter((e) => e.student === student.code && verbs.includes(e.verb)).map((e) => e.at),
      ...rows.submissions.filter((s) => s.student === student.code && s.status !== 'banked').map((s) => s.at),
      ...sessions.map((s) => s.startedAt),
      ...messages.filter((m) => m.sender === 'student').map((m) => m.at),
    ].filter((at) => at <= asOf);
    const graded = own.filter((pair) => pair.score !== null);
    const weights = sum(graded.map((pair) => pair.activity.weight));
    const meanScore =
      graded.length === 0
        ? null
        : weights > 0
          ? sum(graded.map((pair) => pair.score! * pair.activity.weight)) / weights
          : mean(graded.map((pair) => pair.score!));
    const covered = new Set<number>();
    for (const session of sessions) {
      const last = Math.max(
        session.startedAt,
        ...messages.filter((m) => m.session === session.code).map((m) => m.at),
      );
      const until = Math.min(session.endedAt ?? last, session.startedAt + 240 * minute);
      for (let second = Math.floor(session.startedAt / 1000); second < Math.floor(until / 1000); second++)
        covered.add(second);
    }
    return {
      code: student.code,
      own,
      moments,
      meanScore,
      sessions,
      messages,
      graded,
      minutes: covered.size / 60,
      since: Math.max(student.enrolledAt, course.startsAt),
      activeDays: new Set(moments.map(dayOf).filter((d) => d > dayOf(asOf) - 14)).size,
      lastAt: moments.length === 0 ? null : Math.max(...moments),
    };
  });
  const phase = asOf < course.startsAt ? 'upcoming' : asOf < course.endsAt ? 'running' : 'finished';
  const medianActiveDays = quantile(
    students.map((student) => student.activeDays),
    0.5,
  );
  const risks = new Map<string, Risk>();
  for (const { code, own, since, lastAt, meanScore, graded, ...student } of students) {
    const due = own.filter(
      (pair) => pair.activity.isRequired && isDue(pair.activity) && pair.state !== 'banked' && !pair.isBygone,
    );
    const missing = due.filter((pair) => pair.attempts.length === 0);
    const weight = (of: Pair[]) => sum(of.map((pair) => pair.activity.weight));
    risks.set(
      code,
      assessRisk({
        phase: phase,
        isTraced: rows.events.length > 0 || rows.sessions.length > 0,
        daysIn: (asOf - since) / day,
        dueCount: due.length,
        dueWeight: weight(due),
        missingCount: missing.length,
        missingWeight: weight(missing),
        gradedCount: graded.length,
        meanScore,
        daysSinceActivity: lastAt === null ? null : (asOf - lastAt) / day,
        activeDays: student.activeDays,
        medianActiveDays,
        submittedWithDueCount: own.filter((pair) => pair.hasDue && !pair.isBygone).length,
        lateCount: own.filter((pair) => pair.state === 'late' && !pair.isBygone).length,
        tutorSessionCount: student.sessions.length,
        studentMessageCount: student.messages.filter((m) => m.sender === 'student').length,
        attemptCount: sum(own.map((pair) => pair.attempts.length)),
      }),
    );
  }
  const risk = (code: string) => risks.get(code)!;
  const known = [...risks.values()].map(({ score }) => score).filter((score) => score !== null);
  const level = (name: string) => [...risks.values()].filter((one) => one.level === name).length;
  const atRisk = level('high') + level('critical');
  const required = pairs.filter((pair) => pair.activity.isRequired);
  const requiredDue = required.filter((pair) => isDue(pair.activity));
  const means = students.map((student) => student.meanScore).filter((score) => score !== null);
  const recently = students.filter((s) => s.moments.some((at) => at > asOf - 7 * day)).length;
  const messages = sum(students.map((student) => student.messages.length));
  const total = students.length;
  const deadlines = [course.startsAt, course.endsAt, ...published.map(({ dueAt }) => dueAt ?? 0)];
  const next = deadlines.filter((at) => at > asOf);

  return {
    course_id: course.code,
    course_name: `Name of ${course.code}`,
    phase,
    total_students: total,
    active_students_7d: recently,
    active_rate_7d: share(recently, total),
    completion_rate: share(required.filter((pair) => pair.isSubmitted).length, required.length),
    due_completion_rate: share(requiredDue.filter((pair) => pair.isSubmitted).length, requiredDue.length),
    tardiness: states(pairs),
    average_score: round(mean(means), 2),
    median_score: round(quantile(means, 0.5), 2),
    score_quartiles: five(means),
    pass_rate: share(means.filter((score) => score >= course.passMark).length, means.length),
    minutes: {
      total: sum(students.map((student) => student.minutes)),
      median: quantile(
        students.map((student) => student.minutes),
        0.5,
      ),
    },
    tutor: {
      sessions: sum(students.map((student) => student.sessions.length)),
      messages,
      messages_per_student: total === 0 ? null : round(messages / total, 2),
      hints: sum(
        students.map((s) => s.messages.filter((m) => m.kind === 'hint' && m.sender === 'tutor').length),
      ),
    },
    // Scores have four decimals: as whole numbers their sum is exact.
    average_risk:
      known.length === 0
        ? null
        : Math.round(sum(known.map((score) => Math.round(score * 10_000))) / known.length) / 10_000,
    median_risk: round(quantile(known, 0.5), 4),
    students_at_risk: atRisk,
    risk_share: share(atRisk, known.length),
    level_counts: {
      low: level('low'),
      medium: level('medium'),
      high: level('high'),
      critical: level('critical'),
      unknown: level('unknown'),
    },
    has_critical_risks: level('critical') > 0,
    activities: [...published]
      .sort((a, b) => (a.dueAt ?? Infinity) - (b.dueAt ?? Infinity))
      .map((activity) => {
        const of = pairs.filter((pair) => pair.activity === activity);
        const counts = states(of);
        const scores = of.map((pair) => pair.score).filter((score) => score !== null);
        return {
          activity_id: activity.code,
          title: `Title of ${activity.code}`,
          due_at: iso(activity.dueAt),
          points: 100,
          submitted: of.filter((pair) => pair.attempts.length > 0).length,
          graded: scores.length,
          tardiness: {
            on_time_share: share(counts.on_time, counts.total),
            late_share: share(counts.late, counts.total),
            missing_share: share(counts.missing, counts.total),
            floating_share: share(counts.floating, counts.total),
          },
          score_quartiles: five(scores),
          average_score: round(mean(scores), 2),
        };
      }),
    students: students
      .map((student) => ({
        student_id: student.code,
        student_name: `Name of ${student.code}`,
        risk_score: risk(student.code).score,
        risk_level: risk(student.code).level,
        is_at_risk: risk(student.code).isAtRisk,
        confidence: risk(student.code).confidence,
        top_factor: topFactor(risk(student.code)),
        last_activity_at: iso(student.lastAt),
        exercises_completed: student.own.filter((pair) => pair.activity.isRequired && pair.isSubmitted)
          .length,
        total_exercises: published.filter(({ isRequired }) => isRequired).length,
        average_score: round(student.meanScore, 2),
      }))
      .sort((a, b) => (b.risk_score ?? -1) - (a.risk_score ?? -1) || (a.student_id < b.student_id ? -1 : 1)),
    trend: twelveMondays(new Date(asOf)).map((monday) => {
      const isInWeek = (at: number) => at >= monday.getTime() && at < monday.getTime() + 7 * day;
      const work = pairs.flatMap((pair) => pair.attempts.filter(({ at }) => isInWeek(at)));
      return {
        week: isoWeek(monday),
        active_students: students.filter((student) => student.moments.some(isInWeek)).length,
        submissions: work.length,
        average_score: round(mean(work.map(({ score }) => score).filter((score) => score !== null)), 2),
      };
    }),
    next_deadline_at: next.length === 0 ? null : iso(Math.min(...next)),
    as_of: iso(asOf),
    risks,
    studentFigures: students,
  };
}
