import { isRefusal, RefusalPace } from './refusal-pace.js';

it.each(['WRONGPASS', 'NOAUTH', 'NOPERM'])('%s is a refusal', (reason) => {
  expect(isRefusal(reason)).toBe(true);
});

it.each(['disconnected', 'timeout', 'ECONNREFUSED', 'LOADING', 'READONLY', 'MAXCLIENTS', 'NOPERMISSION'])(
  '%s is none: it may be over at any moment',
  (reason) => {
    expect(isRefusal(reason)).toBe(false);
  },
);

describe('the turns of those who were refused', () => {
  let nowMs = 0;
  let pace: RefusalPace;

  beforeEach(() => {
    nowMs = 5000;
    pace = new RefusalPace(() => nowMs);
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
});
