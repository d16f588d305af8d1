import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import type { CacheEngine } from '../engine/cache-engine.js';
import type { CacheEntry } from '../engine/cache-entry.js';
import type { Coding } from './accept-encoding.js';
import type { CompressedForm, StoredAnswer } from './stored-answer.js';

/** Below this the saving is lost in the packet that carries the headers. */
const MIN_BYTES = 1024;
/** Node compresses in a pool of four threads that DNS and files need, too. */
const MAX_AT_ONCE = 2;
/** Nearly as small as the best, in a small part of its time. */
const BROTLI_QUALITY = 5;

const compress: Record<Coding, (body: Buffer | string) => Promise<Buffer>> = {
  br: (body) =>
    promisify(brotliCompress)(body, {
      params: {
        [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY,
        [constants.BROTLI_PARAM_SIZE_HINT]: body.length,
      },
    }),
  gzip: (body) => promisify(gzip)(body),
};

/**
 * Keeps compressed bodies beside their entries. Each is made once in a process, behind the answer to the first client that
 * accepts it; it counts against the same bound in bytes, and goes with its entry.
 */
export class CompressedForms {
  readonly #engine: CacheEngine;
  #atWork = 0;

  constructor(engine: CacheEngine) {
    this.#engine = engine;
  }

  /**
   * The compressed form to send now, if there is one. If the client prefers another, that is made for the next request.
   *
   * @param accepted  the client's codings, best first
   */
  select(answer: StoredAnswer, entry: CacheEntry, accepted: readonly Coding[]): CompressedForm | undefined {
    const [best] = accepted;
    if (best === undefined || answer.body.length <= MIN_BYTES) return undefined;
    if (answer.compressed[best] === undefined) this.#begin(answer, entry, best);
    for (const coding of accepted) {
      const form = answer.compressed[coding];
      if (form !== undefined && form !== 'none') return form;
    }
    return undefined;
  }

  #begin(answer: StoredAnswer, entry: CacheEntry, coding: Coding): void {
    // An entry that this process does not hold is gone after this answer, and the work would be lost.
    if (this.#atWork >= MAX_AT_ONCE || !this.#engine.l1.holds(entry)) return;
    this.#atWork++;
    answer.compressed[coding] = 'none';
    const work = this.#make(answer, entry, coding).finally(() => this.#atWork--);
    this.#engine.background.addUnheard(work);
  }

  async #make(answer: StoredAnswer, entry: CacheEntry, coding: Coding): Promise<void> {
    const body = await compress[coding](answer.body);
    if (body.length >= answer.body.length || !this.#engine.l1.charge(entry, body.length)) return;
    answer.compressed[coding] = { coding, body };
  }
}
