import { DependencyWatch } from './dependency-watch.js';

function watched() {
  const world = { isUp: true, nowMs: 0, asked: 0 };
  const watch = new DependencyWatch(
    () => {
      world.asked++;
      return Promise.resolve(world.isUp);
    },
    () => world.nowMs,
  );
  return { world, watch };
}

describe('watching a dependency', () => {
  it('asks once a second, however many want to know', async () => {
    const { world, watch } = watched();

    await Promise.all([watch.state(), watch.state(), watch.state()]);
    world.nowMs = 999;
    await watch.state();
    expect(world.asked).toBe(1);

    world.nowMs = 1000;
    await watch.state();
    expect(world.asked).toBe(2);
  });

  it('counts failures in a row, and the time since the first', async () => {
    const { world, watch } = watched();
    world.isUp = false;

    expect(await watch.state()).toEqual({ isUp: false, failures: 1, downForMs: 0 });
    world.nowMs = 6000;
    expect(await watch.state()).toEqual({ isUp: false, failures: 2, downForMs: 6000 });
    world.nowMs = 12_000;
    expect(await watch.state()).toEqual({ isUp: false, failures: 3, downForMs: 12_000 });
  });

  it('forgets failures at the first answer', async () => {
    const { world, watch } = watched();
    world.isUp = false;
    await watch.state();
    world.isUp = true;
    world.nowMs = 2000;

    expect(await watch.state()).toEqual({ isUp: true, failures: 0, downForMs: 0 });
    world.isUp = false;
    world.nowMs = 9000;
    expect(await watch.state()).toEqual({ isUp: false, failures: 1, downForMs: 0 });
  });
});
