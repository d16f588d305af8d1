import { ApiProperty } from '@nestjs/swagger';
import { Count, Instant } from '../http/answer-fields.js';

export const healthWords = ['healthy', 'degraded', 'unhealthy'] as const;
export const redisWords = ['healthy', 'unhealthy', 'not_configured'] as const;

/** The database, without which nothing works. */
export class DatabaseHealth {
  /**
   * Whether it answers
   * @example "healthy"
   */
  @ApiProperty({ enum: ['healthy', 'unhealthy'] })
  status!: 'healthy' | 'unhealthy';

  /**
   * Kind of database
   * @example "PostgreSQL"
   */
  type!: string;
}

/** Redis, which the service can do without. Its own figures count the keys of everybody who uses it. */
export class RedisHealth {
  /**
   * Whether it answers, be it of use to the cache or not; `not_configured` without REDIS_URL
   * @example "healthy"
   */
  @ApiProperty({ enum: redisWords })
  status!: (typeof redisWords)[number];

  /**
   * Where it is, user and password masked; null if not configured
   * @example "redis://***@redis:6379/0"
   */
  url!: string | null;

  /**
   * Clients connected to the server; null while unknown
   * @example 4
   */
  @Count()
  connected_clients!: number | null;

  /**
   * Memory that the server uses, with its unit; null while unknown
   * @example "1.52M"
   */
  @ApiProperty({ type: String, nullable: true })
  used_memory!: string | null;

  /**
   * Hits among the key look-ups of the whole server, percent as text; "N/A" before the first; null while unknown
   * @example "87.50%"
   */
  @ApiProperty({ type: String, nullable: true })
  hit_rate!: string | null;
}

/** The language model, which this service only reports. */
export class LlmHealth {
  /**
   * Whether one is configured; it is never called from here
   * @example "not_configured"
   */
  @ApiProperty({ enum: ['configured', 'not_configured'] })
  status!: 'configured' | 'not_configured';

  /**
   * Its name, as configured; null if none is
   * @example null
   */
  provider!: string | null;
}

/** Everything the service leans on. */
export class HealthComponents {
  /** The database */
  database!: DatabaseHealth;

  /** Redis */
  redis!: RedisHealth;

  /** The language model */
  llm!: LlmHealth;
}

/** How the service is, part by part. */
export class DetailedHealthDto {
  /**
   * `unhealthy` without the database (status code 503), `degraded` while a configured Redis is away or of no use to the cache, or
   * invalidations are held up, else `healthy`
   * @example "healthy"
   */
  @ApiProperty({ enum: healthWords })
  status!: (typeof healthWords)[number];

  /**
   * Why the cache is degraded, as in `/health`; absent if it is not
   * @example "NOPERM"
   */
  reason?: string;

  /**
   * When this was found out
   * @example "2026-02-05T18:52:18.000Z"
   */
  @Instant()
  timestamp!: string;

  /**
   * Name of the service
   * @example "ai-native-backend"
   */
  app_name!: string;

  /**
   * Version of the service
   * @example "0.1.0"
   */
  version!: string;

  /**
   * Whether it runs with DEBUG set
   * @example false
   */
  debug_mode!: boolean;

  /** Part by part */
  components!: HealthComponents;
}
