import { HealthIndicatorService } from '@nestjs/terminus';
import type { CacheService } from '../cache/index.js';
import { InvalidationHealth } from './invalidation.health.js';

describe('readiness while invalidations are held up', () => {
  const cache = {
    hearsOthers: true as boolean | undefined,
    hasLateInvalidations: () => Promise.resolve(isLate),
  };
  let isLate: boolean | undefined;
  let health: InvalidationHealth;
  const look = async () => {
    jest.advanceTimersByTime(1000);
    const { invalidations } = await health.present();
    return [invalidations.status, health.reason];
  };

  beforeEach(() => {
    jest.useFakeTimers();
    isLate = false;
    cache.hearsOthers = true;
    health = new InvalidationHealth(new HealthIndicatorService(), cache as CacheService);
  });

  afterEach(() => {
    jest.useRealTimers();
  });

  it('is degraded when two looks in a row find nothing heard, and up with the first that does', async () => {
    cache.hearsOthers = false;
    expect(await look()).toEqual(['up', undefined]);
    expect(await look()).toEqual(['degraded', 'backplane']);
    cache.hearsOthers = true;
    expect(await look()).toEqual(['up', undefined]);
    cache.hearsOthers = false;
    expect(await look()).toEqual(['up', undefined]);
  });

  it('is degraded at once while some wait for too long, and up where nobody knows', async () => {
    isLate = true;
    expect(await look()).toEqual(['degraded', 'outbox']);
    [isLate, cache.hearsOthers] = [undefined, undefined];
    expect(await look()).toEqual(['up', undefined]);
  });
});
