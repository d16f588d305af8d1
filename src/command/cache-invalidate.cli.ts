import { setTimeout as pause } from 'node:timers/promises';
import { ending, outcomeOf, usage, wishOf, type Wish } from './cache-invalidate.js';
import { CommandRefused, runCommand, success, type Outcome } from './run-command.js';

/** Sentinels and clusters are found within it; who waits for longer has a Redis to mend. */
const PATIENCE_MS = 5000;
const PAUSE_MS = 250;

async function invalidate(wish: Exclude<Wish, 'help'>): Promise<Outcome> {
  // Loaded only now: a wrong option is answered at once.
  const { NestFactory } = await import('@nestjs/core');
  const { CacheModule, CacheService, RedisService } = await import('../cache/index.js');
  const { redisSettings } = await import('../cache-settings.js');
  const { ConfigurationModule } = await import('../config/config.module.js');
  const { environment } = await ConfigurationModule.forRoot(undefined, { isServing: false });
  const redis = redisSettings(environment);
  if (!redis)
    throw new CommandRefused(
      'The settings name no Redis: each process keeps its answers to itself, until it is started again.',
    );
  let failure = 'disconnected';
  const cache = CacheModule.forRoot({
    name: 'ai-native',
    namespace: environment.CACHE_NAMESPACE,
    // So that it is known within our patience why there is no connection.
    redis: { ...redis, connectTimeoutMs: Math.min(redis.connectTimeoutMs ?? Infinity, PATIENCE_MS / 2) },
    onEvent: (event) => {
      if (event.event === 'cache.invalidate_error') failure = event.reason;
    },
  });
  const app = await NestFactory.createApplicationContext(cache, { logger: false, abortOnError: false });
  const service = app.get(CacheService);
  const attempt = () => (wish === 'everything' ? service.clear() : service.invalidate(...wish));
  // To do it twice does no harm, and a connection may come, or a slot arrive, a moment later.
  const until = Date.now() + PATIENCE_MS;
  let isConfirmed = await attempt();
  while (!isConfirmed && Date.now() < until) {
    await pause(PAUSE_MS);
    isConfirmed = await attempt();
  }
  if (isConfirmed) return outcomeOf(wish, undefined);
  // That there is no connection says nothing of what is to be mended.
  return outcomeOf(wish, failure === 'disconnected' ? (app.get(RedisService).whyAway ?? failure) : failure);
}

async function main(words: string[]): Promise<Outcome> {
  const wish = wishOf(words);
  return wish === 'help' ? success(usage) : invalidate(wish);
}

// Connections need no farewell: nothing waits in them any more.
await runCommand(main, ending);
