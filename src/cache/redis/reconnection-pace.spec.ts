import { paceOfAbsences, paceOfRefusals, type ReconnectionPace } from './reconnection-pace.js';

describe('the turns of those who were refused', () => {
  let nowMs = 0;
  let pace: ReconnectionPace;

  beforeEach(() => {
    nowMs = 5000;
    pace = paceOfRefusals(() => nowMs);
  });

  it('are a second apart at least, and a second and a half at most', () => {
    const turns = Array.from({ length: 50 }, () => pace.nextTurnMs());

    const gaps = turns.map((turn, n) => turn - (turns[n - 1] ?? 0));
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(1000);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(1501);
  });

  it('begin anew when the last of them is long over', () => {
    pace.nextTurnMs();
    nowMs += 60_000;

    expect(pace.nextTurnMs()).toBeLessThanOrEqual(1500);
  });

  it('come at once when somebody is let in, and begin anew', () => {
    const [waiting, gone] = [jest.fn(), jest.fn()];
    for (let n = 0; n < 50; n++) pace.nextTurnMs();
    pace.whenLetIn(waiting);
    pace.whenLetIn(gone)();

    pace.letIn();

    expect(waiting).toHaveBeenCalledTimes(1);
    expect(gone).not.toHaveBeenCalled();
    expect(pace.nextTurnMs()).toBeLessThanOrEqual(1500);
  });

  it('come sooner where a server is away, ever later as long as it is, and from anew when somebody is let in', () => {
    const absences = paceOfAbsences(500, () => nowMs);
    const expectGaps = (...gaps: number[]) => {
      let latestMs = 0;
      for (const gapMs of gaps) {
        const turnMs = absences.nextTurnMs();
        expect(turnMs - latestMs).toBeGreaterThanOrEqual(gapMs - 1);
        expect(turnMs - latestMs).toBeLessThanOrEqual(1.5 * gapMs + 1);
        latestMs = turnMs;
      }
    };

    expectGaps(50, 100, 200, 400, 500, 500, 500);
    absences.letIn();
    expectGaps(50, 100, 200);
  });
});
