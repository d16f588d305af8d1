import { systemClock } from './clock.js';

describe('the system clock', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  it('does not take a time that no timer can hold for no time', () => {
    const task = jest.fn();

    systemClock.schedule(30 * 86_400_000, task);
    jest.advanceTimersByTime(24 * 86_400_000);

    expect(task).not.toHaveBeenCalled();
  });
});
