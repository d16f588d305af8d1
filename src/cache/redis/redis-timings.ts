/** The time limits of a connection. */
export interface RedisTimings {
  /** TCP, TLS and handshake together, ms. */
  readonly connectTimeoutMs: number;
  /** Between a heartbeat's answer and the next heartbeat, ms. */
  readonly heartbeatMs: number;
  /** How long a heartbeat may stay unanswered before the connection is destroyed, ms. */
  readonly silenceLimitMs: number;
  /** An answer that takes longer is slow; a server most of whose answers are slow is not asked, ms. */
  readonly slowMs: number;
}
