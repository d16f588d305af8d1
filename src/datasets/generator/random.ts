import { createHash } from 'node:crypto';
import { elementAt } from './element-at.js';

/**
 * A repeatable source of chance (sfc32). Uses only integer arithmetic, addition and division, whose results are
 * the same on every machine and Node version; `Math.log`, `Math.exp` and the like are not.
 */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** One stream per name: a new table or entity never shifts the numbers of another. */
  constructor(seed: number, table: string, entity: string | number = '') {
    const hash = createHash('sha256').update(`${seed}/${table}/${entity}`).digest();
    this.#a = hash.readInt32LE(0);
    this.#b = hash.readInt32LE(4);
    this.#c = hash.readInt32LE(8);
  }

  #bits(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (this.#c << 21) | (this.#c >>> 11);
    this.#c = (this.#c + sum) | 0;
    return sum >>> 0;
  }

  /** 0 (included) to 1 (excluded). */
  next(): number {
    return this.#bits() / 4_294_967_296;
  }

  /** A number of `from` (included) to `to` (excluded). */
  between(from: number, to: number): number {
    return from + this.next() * (to - from);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(items: readonly T[]): T {
    return elementAt(items, Math.floor(this.next() * items.length));
  }

  /** Nearly normal, mean 0, standard deviation 1, within ±6: twelve uniform numbers, as that needs no logarithm. */
  normal(): number {
    let sum = -6;
    for (let i = 0; i < 12; i++) sum += this.next();
    return sum;
  }

  /** A UUID of version 4. */
  uuid(): string {
    const hex = [this.#bits(), this.#bits(), this.#bits(), this.#bits()]
      .map((word) => word.toString(16).padStart(8, '0'))
      .join('');
    const variant = '89ab'.charAt(Number.parseInt(hex.charAt(16), 16) & 3);
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20)}`;
  }
}
