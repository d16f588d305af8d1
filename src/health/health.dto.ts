/** What a probe may know. */
export class ProbeDto {
  /**
   * `ok`; `degraded`: it serves without something it can do without; else why it does not serve:
   * `starting`, `unavailable`, `shutting_down`
   * @example "ok"
   */
  status!: string;
}

/** The parts that the service depends on. */
export class HealthChecks {
  /**
   * `ok`, `starting` (not connected or migrated yet) or `unavailable`
   * @example "ok"
   */
  database!: string;

  /**
   * `ok`; `unhealthy`: it is away, or the cache can keep nothing there; or `not_configured`: the cache is in the memory of the
   * process then
   * @example "ok"
   */
  redis!: string;
}

/** How the service is. */
export class HealthDto {
  /**
   * `healthy`; `degraded`: Redis is away or of no use to the cache, or this process does not hear of invalidations, answers are
   * right but slower; or invalidations wait, answers may lack what others wrote; `unhealthy`: the database is away
   * @example "healthy"
   */
  status!: string;

  /**
   * What keeps the cache from using Redis: `disconnected`, `auth` (it does not let the service in), `timeout`, the system's code,
   * such as `ECONNREFUSED`, or what Redis answers, such as `NOPERM` or `OOM`; or where invalidations are held up: `backplane` (those
   * of other processes are not heard), `outbox` (some wait for over 10 s); absent if nothing is wrong with either
   * @example "NOPERM"
   */
  reason?: string;

  /**
   * Version of the service
   * @example "0.1.0"
   */
  version!: string;

  /**
   * What it is built on
   * @example "NestJS on Fastify, PostgreSQL, Redis"
   */
  architecture!: string;

  checks!: HealthChecks;
}
