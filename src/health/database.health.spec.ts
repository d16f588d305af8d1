import { HealthIndicatorService } from '@nestjs/terminus';
import { Environment } from '../config/environment.js';
import { readEnvironment } from '../config/read-environment.js';
import type { DatabaseConnection } from '../database/database-connection.js';
import type { DatabaseOutage } from '../database/database-outage.js';
import type { DatabasePing } from '../database/database-ping.js';
import { DatabaseHealth } from './database.health.js';
import { EventLoop } from '../telemetry/event-loop.js';
import { EventLoopHealth } from './event-loop.health.js';

function watched(settings: Record<string, string> = {}) {
  const ping = { isUp: false, failure: '57P03', isAnswering: () => Promise.resolve(ping.isUp) };
  const outage = { found: jest.fn() };
  const health = new DatabaseHealth(
    new HealthIndicatorService(),
    readEnvironment(settings),
    { isReady: true } as DatabaseConnection,
    ping as unknown as DatabasePing,
    outage as unknown as DatabaseOutage,
  );
  return { ping, outage, lasting: async () => (await health.lasting()).database.status };
}

describe('readiness while the database is away', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });

  afterEach(() => {
    jest.useRealTimers();
  });

  it('is degraded for ten seconds, then down, and up at the first answer', async () => {
    const { ping, lasting } = watched();

    expect(await lasting()).toBe('degraded');
    jest.advanceTimersByTime(9000);
    expect(await lasting()).toBe('degraded');
    jest.advanceTimersByTime(1500);
    expect(await lasting()).toBe('down');

    ping.isUp = true;
    jest.advanceTimersByTime(1000);
    expect(await lasting()).toBe('up');
  });

  it('needs two failures in a row, however far apart, not one', async () => {
    const { lasting } = watched();

    expect(await lasting()).toBe('degraded');
    jest.advanceTimersByTime(60_000);
    expect(await lasting()).toBe('down');
  });

  it('tells of what it finds out, with the reason', async () => {
    const { ping, outage, lasting } = watched();
    ping.isUp = true;
    await lasting();
    expect(outage.found).not.toHaveBeenCalled();

    ping.isUp = false;
    jest.advanceTimersByTime(1000);
    await lasting();
    expect(outage.found).toHaveBeenCalledWith('57P03');
  });

  it('stays degraded where READY_FAIL_OPEN says so', async () => {
    const { lasting } = watched({ READY_FAIL_OPEN: 'true' });

    await lasting();
    jest.advanceTimersByTime(60_000);
    expect(await lasting()).toBe('degraded');
  });
});

describe('readiness of a process that does not keep up', () => {
  it('ends after two late samples, and returns with the first in time', () => {
    const eventLoop = new EventLoop(new Environment());
    const health = new EventLoopHealth(new HealthIndicatorService(), eventLoop);

    eventLoop.sample(300);
    expect(health.present().event_loop.status).toBe('up');
    eventLoop.sample(300);
    expect(health.present().event_loop.status).toBe('down');
    eventLoop.sample(10);
    expect(health.present().event_loop.status).toBe('up');
  });
});
