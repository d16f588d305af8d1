import type { Ask } from './ask.js';
import { AsyncScope } from './async-scope.js';
import { AuditSampler } from './audit-sampler.js';
import type { BackgroundWork } from './background-work.js';
import type { NewBudget } from './budget.js';
import type { CacheEntry } from './cache-entry.js';
import { AUDIT_AFTER_MS, type AuditAfterMs, type AuditSkip, type EmitCacheEvent } from './cache-events.js';
import type { Clock } from './clock.js';
import { CurrentRun } from './current-run.js';
import { wholeForm, type AuditedForm } from './entry-policy.js';
import type { Factory } from './factory.js';
import { isFresh } from './held-entry.js';
import type { Subject } from './subject.js';
import { withTimeouts } from './with-timeouts.js';

/** Time until a difference is looked at once more, ms: a write under way will have invalidated by then. */
const CONFIRM_AFTER_MS = 200;
/** The part of the time that audits may spend in runs, 0 to 1. */
const SHARE = 0.01;
/** How many hits are remembered at a time: each holds on to its request. */
const MAX_SAMPLES = 10;
/** Beyond this delay of a timer the process is too busy for audits, ms. */
const MAX_LATE_MS = 100;
/** How long a run is waited for, whatever the policy allows, ms. */
const MAX_RUN_MS = 5000;

/** A hit to audit: the entry that was served, and how to make the answer again. */
interface Sample {
  readonly subject: Subject;
  readonly entry: CacheEntry;
  readonly form: AuditedForm;
  readonly factory: Factory<unknown>;
}

type Verdict = 'right' | 'wrong' | 'later' | AuditSkip;

interface AuditsOptions {
  /** The part of the hits that is audited, 0 to 1. */
  readonly rate: number;
  readonly ask: Ask;
  readonly clock: Clock;
  readonly emit: EmitCacheEvent;
  readonly newBudget: NewBudget;
  readonly background: BackgroundWork;
}

/** Tells whether code is called by the run of an audit, however indirectly. */
const inside = new AsyncScope<Audits>();

/**
 * Checks hits after they were served: runs the method again, and if that gives another answer while the old one is
 * still being served, something changed the data without invalidating. It only reports that. See docs/adr/0019.
 */
export class Audits {
  readonly #options: AuditsOptions;
  readonly #sampler: AuditSampler | undefined;
  readonly #timers = new Set<() => void>();
  #samples = 0;
  #isBusy = false;
  #restUntilMs = -Infinity;
  #isClosed = false;

  constructor(options: AuditsOptions) {
    this.#options = options;
    this.#sampler = options.rate > 0 ? new AuditSampler(options.rate, Math.random) : undefined;
  }

  /** Called for each hit: whether it is to be handed to {@link begin}. */
  takes(subject: Subject): boolean {
    if (!this.#sampler || !subject.policy.audited || !this.#sampler.takes(subject.prefix)) return false;
    const hasRoom = this.#samples < MAX_SAMPLES && this.#options.clock.monotonicMs() >= this.#restUntilMs;
    if (hasRoom && !this.#isClosed) return true;
    this.#options.emit({ event: 'cache.audit_skipped', subject, reason: 'busy' });
    return false;
  }

  /**
   * Looks at a hit again in the background, once for each time of {@link AUDIT_AFTER_MS}.
   *
   * @param entry    what was served
   * @param factory  called once or twice for a look, seconds later; what it gives is compared and forgotten
   */
  begin(subject: Subject, entry: CacheEntry, factory: Factory<unknown>): void {
    const { audited: form } = subject.policy;
    if (!form || this.#isClosed) return;
    const sample = { subject, entry, form, factory };
    this.#samples++;
    for (const afterMs of AUDIT_AFTER_MS) {
      this.#look(afterMs, sample, afterMs, () => this.#compare(sample, afterMs));
    }
    this.#schedule(Math.max(...AUDIT_AFTER_MS), () => this.#samples--);
  }

  /** Whether the caller is inside an audit's run: what is audited, too, must not come from the cache there. */
  get isInside(): boolean {
    return this.#isBusy && inside.current === this;
  }

  /** Cancels all further looks. A run under way goes on in the background. */
  close(): void {
    this.#isClosed = true;
    for (const cancel of this.#timers) cancel();
    this.#timers.clear();
  }

  /** Looks after `ms`. Dropped, and not queued, if another look is under way or the process is late already. */
  #look(ms: number, { subject }: Sample, afterMs: AuditAfterMs, verdict: () => Promise<Verdict>): void {
    const { clock, background } = this.#options;
    const dueAtMs = clock.monotonicMs() + ms;
    this.#schedule(ms, () => {
      if (this.#isBusy || clock.monotonicMs() - dueAtMs > MAX_LATE_MS) {
        this.#tell(subject, afterMs, 'busy');
        return;
      }
      this.#isBusy = true;
      const work = CurrentRun.outside(verdict)
        .catch((): Verdict => 'failed')
        .then((found) => {
          this.#isBusy = false;
          this.#tell(subject, afterMs, found);
        });
      background.add(work);
    });
  }

  async #compare(sample: Sample, afterMs: AuditAfterMs): Promise<Verdict> {
    const served = await this.#isServed(sample);
    if (served !== 'yes') return served === 'no' ? 'right' : served;
    const now = await this.#run(sample);
    if (now === sample.form(sample.entry)) return 'right';
    if (!this.#isClosed) this.#look(CONFIRM_AFTER_MS, sample, afterMs, () => this.#confirm(sample, now));
    return 'later';
  }

  /**
   * Runs a second time, to recognise an answer that is different each time. Whether the entry is still served is asked only
   * after that, so that a late invalidation counts.
   */
  async #confirm(sample: Sample, before: string): Promise<Verdict> {
    if ((await this.#run(sample)) !== before) return 'unsteady';
    const served = await this.#isServed(sample);
    if (served !== 'yes') return served === 'no' ? 'right' : served;
    return 'wrong';
  }

  /** Whether a caller would now be given the same answer. What a soft invalidation has outdated counts as not served. */
  async #isServed({ subject, entry }: Sample): Promise<'yes' | 'no' | 'store-away'> {
    const { ask, newBudget, clock } = this.#options;
    const budget = newBudget();
    const present = await ask(subject, budget, async (entries) => {
      const held = entries.inL1(subject);
      return held && entries.isTrusted(held, subject) ? held : entries.find(subject, budget, 0);
    });
    if (!present) return 'store-away';
    // Beyond its TTL it is given only where a run fails.
    const answer = isFresh(present.answer, clock) ? present.answer?.entry : undefined;
    return answer === entry || (answer && wholeForm(answer) === wholeForm(entry)) ? 'yes' : 'no';
  }

  /** @throws what the method throws, or an `Error` where it gives nothing to compare */
  async #run({ subject, form, factory }: Sample): Promise<string> {
    const { clock } = this.#options;
    const sinceMs = clock.monotonicMs();
    const { prefix, policy } = subject;
    const hardTimeoutMs = Math.min(policy.hardTimeoutMs, MAX_RUN_MS);
    try {
      const { entry } = await withTimeouts(
        inside.run(this, factory),
        { prefix, policy: { ...policy, hardTimeoutMs } },
        clock,
        () => undefined,
      );
      if (!entry) throw new Error('nothing that could have been stored');
      return form(entry);
    } finally {
      const now = clock.monotonicMs();
      this.#restUntilMs = Math.max(this.#restUntilMs, now) + (now - sinceMs) / SHARE;
    }
  }

  #tell(subject: Subject, afterMs: AuditAfterMs, verdict: Verdict): void {
    const { emit } = this.#options;
    if (verdict === 'later') return;
    if (verdict === 'right' || verdict === 'wrong') emit({ event: 'cache.audited', subject, afterMs });
    else emit({ event: 'cache.audit_skipped', subject, reason: verdict });
    if (verdict === 'wrong') emit({ event: 'cache.audit_wrong', subject, afterMs });
  }

  #schedule(ms: number, task: () => void): void {
    const cancel = this.#options.clock.schedule(ms, () => {
      this.#timers.delete(cancel);
      task();
    });
    this.#timers.add(cancel);
  }
}
