import { CacheError } from '../engine/cache-errors.js';
import type { Clock } from '../engine/clock.js';
import { GroupCommit } from '../engine/group-commit.js';
import { AHEAD_MS, KEPT_MS, type Outbox, type OutboxNews } from '../outbox/outbox.js';
import { outsideUnits } from '../outbox/unit-of-work.js';
import { withDeadline } from '../redis/deadline.js';

/** More than an index takes under load, and less than the run that is spared is worth. In real time, as the database is. */
const PATIENCE_MS = 200;
/** After a question that failed nobody waits for one for so long. */
const REST_MS = 1000;
const MOST_DOUBLINGS = 6;
/**
 * For so long nobody need have asked. Also where nobody asks it for what is new only, the outbox tells of so much more as an
 * announcement may be ahead.
 */
export const BELIEVED_MS = KEPT_MS / 2 - AHEAD_MS;

export type FollowedOutbox = Outbox & Required<Pick<Outbox, 'follow'>>;

/** Whether a process may go by it alone. */
export function isFollowed(outbox: Outbox | undefined): outbox is FollowedOutbox {
  return outbox?.isFollowed === true && outbox.follow !== undefined;
}

/**
 * Is told what was invalidated, in words of the outbox; `undefined`: it may be anything.
 *
 * @param anewAtMs  when the outbox answered, where it has told all that it tells of
 */
type Hear = (invalidated: readonly string[] | undefined, anewAtMs?: number) => void;

/** Hears of invalidations from the outbox, when somebody asks. All who wait at the same moment share a question. */
export class OutboxFollower {
  readonly #outbox: FollowedOutbox;
  readonly #clock: Clock;
  readonly #hear: Hear;
  readonly #questions = new GroupCommit<undefined, void>(
    () => undefined,
    () => this.#ask(),
  );
  #mark: string | undefined;
  #isAnew = false;
  #heardAtMs = -Infinity;
  #restsUntilMs = -Infinity;
  /** How many questions have not ended. */
  #underWay = 0;

  constructor(outbox: FollowedOutbox, clock: Clock, hear: Hear) {
    this.#outbox = outbox;
    this.#clock = clock;
    this.#hear = hear;
  }

  /** Whether asking makes sense now. */
  get isUsable(): boolean {
    return this.#outbox.isReady && this.#clock.monotonicMs() >= this.#restsUntilMs;
  }

  /**
   * Resolves once everything is heard that was committed before the call.
   *
   * @param isAnew  whether the outbox is asked for all that it tells of, as for what was valid within the last
   *   {@link BELIEVED_MS}. Default: for what is new since it was last asked
   * @throws {CacheError} `CACHE_STORE_UNAVAILABLE` where the outbox does not tell within 200 ms, from the end of the question
   *   before; then nobody asks for a second, and for longer where questions hang
   */
  catchUp(isAnew = false): Promise<void> {
    this.#isAnew ||= isAnew;
    return this.#questions.next.answer;
  }

  async #ask(): Promise<void> {
    if (!this.isUsable) throw new CacheError('CACHE_STORE_UNAVAILABLE', 'outbox');
    const atMs = this.#clock.monotonicMs();
    // What is left of another time away nobody has kept right since.
    if (atMs - this.#heardAtMs > BELIEVED_MS) this.#hear(undefined);
    const isAnew = this.#isAnew;
    this.#isAnew = false;
    try {
      const told = await withDeadline(PATIENCE_MS, this.#follow(isAnew ? undefined : this.#mark));
      this.#mark = told.mark;
      this.#heardAtMs = atMs;
      this.#hear(told.invalidated, isAnew ? this.#clock.monotonicMs() : undefined);
    } catch (error) {
      this.#isAnew ||= isAnew;
      // Each that hangs keeps a connection of the pool.
      const doublings = Math.min(Math.max(0, this.#underWay - 1), MOST_DOUBLINGS);
      this.#restsUntilMs = this.#clock.monotonicMs() + REST_MS * 2 ** doublings;
      throw new CacheError('CACHE_STORE_UNAVAILABLE', 'outbox', { cause: error });
    }
  }

  async #follow(mark: string | undefined): Promise<OutboxNews> {
    this.#underWay++;
    try {
      return await outsideUnits(() => this.#outbox.follow(mark));
    } finally {
      this.#underWay--;
    }
  }
}
