import { Controller, Get, Inject, type INestApplication, Param, Post } from '@nestjs/common';
import {
  Cached,
  CacheService,
  InvalidateCache,
  withoutRepeats,
  type CacheModuleEvent,
  type CacheModuleOptions,
  type RedisOptions,
} from '../../src/cache/index.js';
import { startCachedApp } from './cached-app.js';
import type { Answer } from './load.js';
import { pollUntil } from './processes.js';

/** A database of numbered versions that counts who asks it, and knows which answers were wrong. */
export class VersionedDatabase {
  /** Reads of each id. */
  readonly reads = new Map<string, number>();
  /** What was answered although something newer had been confirmed, or although something else was asked for. */
  readonly wrong: string[] = [];
  /** Awaited between reading a version and giving it. */
  beforeAnswer: (id: string) => Promise<unknown> | undefined = () => undefined;
  mostAtOnce = 0;
  /** Reads of all. */
  runs = 0;
  readonly #versions = new Map<string, number>();
  readonly #confirmed = new Map<string, number>();
  #atOnce = 0;

  async read(id: string): Promise<{ id: string; version: number }> {
    const version = this.#versions.get(id) ?? 0;
    this.reads.set(id, (this.reads.get(id) ?? 0) + 1);
    this.runs++;
    this.mostAtOnce = Math.max(this.mostAtOnce, ++this.#atOnce);
    try {
      await this.beforeAnswer(id);
      return { id, version };
    } finally {
      this.#atOnce--;
    }
  }

  write(id: string): { id: string; version: number } {
    const version = (this.#versions.get(id) ?? 0) + 1;
    this.#versions.set(id, version);
    return { id, version };
  }

  /** The version that a read which begins now may not fall behind. */
  confirmed(id: string): number {
    return this.#confirmed.get(id) ?? 0;
  }

  confirm(id: string, version: number): void {
    this.#confirmed.set(id, Math.max(this.confirmed(id), version));
  }
}

@Controller('things')
class ThingsController {
  constructor(@Inject(VersionedDatabase) private readonly database: VersionedDatabase) {}

  @Get(':id')
  @Cached({ ttl: 60, prefix: 'versioned_thing', tags: ['thing:{id}'] })
  get(@Param('id') id: string) {
    return this.database.read(id);
  }

  @Post(':id')
  @InvalidateCache('thing:{id}')
  write(@Param('id') id: string) {
    return this.database.write(id);
  }
}

export interface VersionedApp {
  readonly app: INestApplication;
  readonly events: CacheModuleEvent[];
  /** Those of them that a log is told of. */
  readonly news: CacheModuleEvent[];
  /** Reads, and judges the answer. */
  get(id: string): Promise<Answer>;
  /** Writes; once it is answered, no read may give what was there before. */
  write(id: string): Promise<Answer>;
  isAvailable(): boolean;
  /** Resolves when Redis is in use; rejects after 10 s. */
  available(): Promise<void>;
  count(event: CacheModuleEvent['event']): number;
  close(): Promise<void>;
}

/** One process of a service that reads and writes versions. Several on one database are several processes of it. */
export async function startVersionedApp(
  database: VersionedDatabase,
  redis: RedisOptions,
  options: CacheModuleOptions = {},
): Promise<VersionedApp> {
  const events: CacheModuleEvent[] = [];
  const news: CacheModuleEvent[] = [];
  const tellNews = withoutRepeats((event) => news.push(event));
  const onEvent = (event: CacheModuleEvent) => {
    events.push(event);
    tellNews(event);
  };
  const { app, url } = await startCachedApp({
    controllers: [ThingsController],
    providers: [{ provide: VersionedDatabase, useValue: database }],
    options: { redis, onEvent, ...options },
  });
  const isAvailable = () => app.get(CacheService).stats().isAvailable;
  const call = async (id: string, method: string) => {
    const since = performance.now();
    const response = await fetch(`${url}/things/${id}`, { method });
    const text = await response.text();
    const answer = {
      status: response.status,
      cache: response.headers.get('x-cache'),
      atMs: since,
      ms: performance.now() - since,
    };
    return { answer, body: response.ok ? (JSON.parse(text) as { id: string; version: number }) : undefined };
  };
  return {
    app,
    events,
    news,
    async get(id) {
      const floor = database.confirmed(id);
      const { answer, body } = await call(id, 'GET');
      if (body && (body.id !== id || body.version < floor)) {
        database.wrong.push(`${id} from ${floor}: ${JSON.stringify(body)} ${answer.cache}`);
      }
      return answer;
    },
    async write(id) {
      const { answer, body } = await call(id, 'POST');
      if (body) database.confirm(id, body.version);
      return answer;
    },
    isAvailable,
    available: () => pollUntil(isAvailable, 10_000),
    count: (name) => events.filter(({ event }) => event === name).length,
    close: () => app.close(),
  };
}
