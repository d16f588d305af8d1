import { CacheError, type CacheErrorCode } from '../engine/cache-errors.js';

/** All that is wrong with an application's decorators, a line for each with its code and the method's name. */
export class CacheBootError extends CacheError {
  /** Not enumerable: Node would print each again, with its stack. */
  declare readonly faults: readonly CacheError[];

  constructor(faults: readonly CacheError[]) {
    const lines = faults.map(({ code, message }) => `  ${code} ${message}`);
    super('CACHE_BOOT_FAILED', ['The cache could answer wrongly, so nothing starts:', ...lines].join('\n'));
    Object.defineProperty(this, 'faults', { value: faults });
  }
}

/** Collects faults, so that one start names all of them. One that two classes inherit counts once. */
export class Faults {
  readonly #found = new Map<string, CacheError>();

  add(code: CacheErrorCode, message: string): void {
    this.#note(new CacheError(code, message));
  }

  addAll(others: Faults): void {
    for (const fault of others.#found.values()) this.#note(fault);
  }

  /** What `make` returns, or `undefined` if it found a fault. */
  attempt<T>(make: () => T): T | undefined {
    try {
      return make();
    } catch (error) {
      if (!(error instanceof CacheError)) throw error;
      this.#note(error);
      return undefined;
    }
  }

  /** @throws {CacheBootError} if there is any */
  refuse(): void {
    if (this.#found.size > 0) throw new CacheBootError([...this.#found.values()]);
  }

  #note(fault: CacheError): void {
    if (!this.#found.has(fault.message)) this.#found.set(fault.message, fault);
  }
}
