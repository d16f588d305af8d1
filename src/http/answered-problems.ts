import { Injectable, Logger } from '@nestjs/common';
import type { LogRecord } from '../telemetry/log-catalogue.js';
import { type OverloadCause, overloadCauses, type ProblemCode, problemCodes } from './problem.js';

/** Problems that those who run the service should hear of; the others concern only their callers. */
const refusals: ReadonlySet<ProblemCode> = new Set([
  'too_many_requests',
  'credentials_unverifiable',
  'database_unavailable',
  'overloaded',
]);
/** Refusals come by the thousand: a line for each would take time that is short already. */
const TELL_EVERY_MS = 60_000;

/** Counts the problems that this process answers with, and logs refusals: the first, and then how many in each minute. */
@Injectable()
export class AnsweredProblems {
  readonly #logger = new Logger('Http');
  readonly #counts = new Map<ProblemCode, number>(problemCodes.map((code) => [code, 0]));
  readonly #overloads = new Map<OverloadCause, number>(overloadCauses.map((cause) => [cause, 0]));
  /** Refusals of the present minute that are not logged yet, by the reason that the log gives. */
  readonly #untold = new Map<string, number>();

  /** Since the start, by code; 0 for a code that was never answered. */
  get counts(): ReadonlyMap<ProblemCode, number> {
    return this.#counts;
  }

  /** Those with the code `overloaded`, by cause. */
  get overloads(): ReadonlyMap<OverloadCause, number> {
    return this.#overloads;
  }

  /** @param cause  of an `overloaded` one */
  add(code: ProblemCode, cause: OverloadCause = 'other'): void {
    increment(this.#counts, code);
    if (code === 'overloaded') increment(this.#overloads, cause);
    if (!refusals.has(code)) return;
    const reason = code === 'overloaded' ? `${code} (${cause})` : code;
    const untold = this.#untold.get(reason);
    if (untold === undefined) this.#tell(reason, 1);
    else this.#untold.set(reason, untold + 1);
  }

  /** Logs the refusals that would be logged later: the process may end before. */
  tellRest(): void {
    for (const [reason, untold] of this.#untold) {
      if (untold > 0) this.#log(reason, untold);
      this.#untold.set(reason, 0);
    }
  }

  #tell(reason: string, count: number): void {
    this.#log(reason, count);
    this.#untold.set(reason, 0);
    setTimeout(() => {
      const untold = this.#untold.get(reason) ?? 0;
      this.#untold.delete(reason);
      if (untold > 0) this.#tell(reason, untold);
    }, TELL_EVERY_MS).unref();
  }

  #log(reason: string, count: number): void {
    // The line is about many requests, not the one that happens to be the last.
    this.#logger.warn({
      event: 'request.refused',
      reason,
      count,
      request_id: undefined,
    } satisfies LogRecord);
  }
}

function increment<Key>(counts: Map<Key, number>, key: Key): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
