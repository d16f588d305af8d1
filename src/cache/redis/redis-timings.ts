/** How long a connection may take for what, and when it is given up. */
export interface RedisTimings {
  /** TCP, TLS and handshake together, ms. */
  readonly connectTimeoutMs: number;
  /** Between a heartbeat's answer and the next heartbeat, ms. */
  readonly heartbeatMs: number;
  /** A connection that has not answered a heartbeat for so long is destroyed, ms. */
  readonly silenceLimitMs: number;
  /** A server that takes longer is slow, and as good as away while most answers are, ms. */
  readonly slowMs: number;
}
