import { Logger } from '@nestjs/common';
import { HealthIndicatorService } from '@nestjs/terminus';
import { Environment } from '../config/environment.js';
import { readEnvironment } from '../config/read-environment.js';
import type { DatabaseConnection } from '../database/database-connection.js';
import type { DatabasePing } from '../database/database-ping.js';
import { DatabaseHealth } from './database.health.js';
import { EventLoop } from '../telemetry/event-loop.js';
import { EventLoopHealth } from './event-loop.health.js';

Logger.overrideLogger(false);

function watched(settings: Record<string, string> = {}) {
  const ping = { isUp: false, isAnswering: () => Promise.resolve(ping.isUp) };
  const health = new DatabaseHealth(
    new HealthIndicatorService(),
    readEnvironment(settings),
    { isReady: true } as DatabaseConnection,
    ping as unknown as DatabasePing,
  );
  return { ping, lasting: async () => (await health.lasting()).database.status };
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
