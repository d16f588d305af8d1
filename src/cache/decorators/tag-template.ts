import { CacheError } from '../engine/cache-errors.js';
import { plainTag, prefixTag } from '../engine/tags.js';

/** A value for a placeholder, or `undefined` where the call has none. */
export type Resolve = (name: string) => unknown;

/**
 * `course:{course_id}`, `student_risk:*` or `student_risk:{student_id}:*`, parsed once. Values are put in literally:
 * whatever they hold, they stay values.
 */
export class TagTemplate {
  readonly names: readonly string[];
  /** The prefix of a prefix pattern; `undefined` for a tag. */
  readonly prefix: string | undefined;
  readonly #source: string;

  constructor(source: string, where: string) {
    this.#source = source;
    this.names = [...source.matchAll(/\{([^{}]+)\}/g)].map((match) => match[1] ?? '');
    const bare = source.replace(/\{[^{}]+\}/g, '');
    this.prefix = bare.endsWith(':*') ? source.split(':', 1)[0] : undefined;
    if (!/^[^:{}]+(:|$)/.test(source) || /[{}]/.test(bare) || bare.replace(/:\*$/, '').includes('*')) {
      throw new CacheError(
        'CACHE_INVALID_OPTIONS',
        `${where}: '${source}' is neither a tag (course:{course_id}) nor a prefix pattern (student_risk:*).`,
      );
    }
  }

  /** The plain tag without values in it; `undefined` for a prefix pattern. */
  get plain(): string | undefined {
    return this.prefix === undefined ? plainTag(this.#source) : undefined;
  }

  /** @returns the tag's name in the store, or `undefined` if a placeholder has no value in this call */
  expand(resolve: Resolve): string | undefined {
    const values = new Map(this.names.map((name) => [name, literal(resolve(name))]));
    if ([...values.values()].includes(undefined)) return undefined;
    const fill = (text: string) => text.replace(/\{([^{}]+)\}/g, (_, name: string) => values.get(name) ?? '');
    return this.prefix === undefined
      ? plainTag(fill(this.#source))
      : prefixTag(this.prefix, this.#source.slice(0, -2).split(':').slice(1).map(fill));
  }

  toString(): string {
    return this.#source;
  }
}

/** Placeholders of provider methods: `{0}` is the first argument, `{0.id}` a field of it. */
export function fromArguments(args: readonly unknown[]): Resolve {
  return (name) => {
    const [index = '', ...fields] = name.split('.');
    return fields.reduce<unknown>(field, args[Number(index)]);
  };
}

function literal(value: unknown): string | undefined {
  const isScalar = typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint';
  return isScalar ? String(value) : undefined;
}

export function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined;
}
