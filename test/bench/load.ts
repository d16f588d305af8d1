/** What to send, and what to leave out of the count. */
export interface LoadJob {
  readonly url: string;
  /** Asked for in turn; the connections are spread over them. */
  readonly requests: readonly LoadRequest[];
  /** The status that every answer must have. Default 200. */
  readonly status?: 200 | 304;
  /** Default 64. */
  readonly connections?: number;
  readonly seconds: number;
}

export interface LoadRequest {
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** So many requests, each for another path: `path` with a number behind it, from `from` on. */
export interface DistinctLoadJob {
  readonly url: string;
  readonly path: string;
  readonly from: number;
  readonly amount: number;
}

export interface LoadResult {
  readonly answers: number;
  readonly seconds: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** Sends requests over many connections, one at a time on each, as fast as they are answered. */
export interface LoadGenerator {
  readonly name: string;
  /** @throws {Error} on an answer that is none or has another status */
  run(job: LoadJob): Promise<LoadResult>;
}
