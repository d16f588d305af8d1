import { Injectable, Logger } from '@nestjs/common';
import type { LogRecord } from '../telemetry/log-catalogue.js';
import { type ProblemCode, problems } from './problem.js';

/** Answers that whoever runs the service should hear of; the others are between a caller and what was asked for. */
const refusals: ReadonlySet<ProblemCode> = new Set([
  'too_many_requests',
  'credentials_unverifiable',
  'database_unavailable',
  'overloaded',
]);
/** They come by the thousand: a line for each would cost what is short already. */
const TELL_EVERY_MS = 60_000;

/** Counts the problems that this process answers with, and tells the log of refusals: the first, then how many in each minute. */
@Injectable()
export class AnsweredProblems {
  readonly #logger = new Logger('Http');
  readonly #counts = new Map<ProblemCode, number>(
    (Object.keys(problems) as ProblemCode[]).map((code) => [code, 0]),
  );
  /** Those of the present minute that the log has not been told of. */
  readonly #untold = new Map<ProblemCode, number>();

  /** Since the start, by code; 0 for what has never been answered. */
  get counts(): ReadonlyMap<ProblemCode, number> {
    return this.#counts;
  }

  add(code: ProblemCode): void {
    this.#counts.set(code, (this.#counts.get(code) ?? 0) + 1);
    if (!refusals.has(code)) return;
    const untold = this.#untold.get(code);
    if (untold === undefined) this.#tell(code, 1);
    else this.#untold.set(code, untold + 1);
  }

  #tell(code: ProblemCode, count: number): void {
    // Of many requests, not of the one that happens to be the last.
    this.#logger.warn({
      event: 'request.refused',
      reason: code,
      count,
      request_id: undefined,
    } satisfies LogRecord);
    this.#untold.set(code, 0);
    setTimeout(() => {
      const untold = this.#untold.get(code) ?? 0;
      this.#untold.delete(code);
      if (untold > 0) this.#tell(code, untold);
    }, TELL_EVERY_MS).unref();
  }
}
