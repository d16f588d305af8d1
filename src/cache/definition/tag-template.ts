import { CacheError } from '../engine/cache-errors.js';
import { checkedPrefix, plainTag, prefixTag } from '../engine/tags.js';

/** Gives the value of a placeholder, or `undefined` if the call has none. */
export type Resolve = (name: string) => unknown;

/** How many tags a template may give in one call. */
const MAX_TAGS = 100;
const PLACEHOLDERS = /\{([^{}]+)\}/g;

/**
 * A template such as `course:{course_id}`, `student_risk:*` or `student_risk:{student_id}:*`, parsed once. What is put in
 * for a placeholder is never parsed, whatever it holds.
 */
export class TagTemplate {
  /** The names of its placeholders, each once. */
  readonly names: readonly string[];
  /** The prefix of a prefix pattern; `undefined` for a tag. */
  readonly prefix: string | undefined;
  readonly #source: string;
  /** One for a tag, or one for each parameter of a prefix pattern. */
  readonly #written: readonly Pieces[];

  constructor(source: string, where: string) {
    this.#source = source;
    this.names = [...new Set(Array.from(source.matchAll(PLACEHOLDERS), (match) => match[1] ?? ''))];
    const bare = source.replace(PLACEHOLDERS, '');
    this.prefix = source.endsWith(':*') ? source.split(':', 1)[0] : undefined;
    if (source.includes('${')) {
      const meant = source.replaceAll('${', '{');
      throw new CacheError('CACHE_INVALID_OPTIONS', `${where}: '${source}' has a $ too many: '${meant}'.`);
    }
    const named = this.prefix === undefined ? bare : bare.slice(0, -2);
    // An empty part has probably been forgotten; but `App::Model` is allowed, as some use such names.
    const hasGap = (this.prefix === undefined ? /::\{|\}::|:$/ : /::/).test(source);
    if (!/^[^:{}]+(:|$)/.test(source) || hasGap || /[{}*]/.test(named)) {
      throw new CacheError(
        'CACHE_INVALID_OPTIONS',
        `${where}: '${source}' is neither a tag (course:{course_id}) nor a prefix pattern (student_risk:*).`,
      );
    }
    if (this.prefix !== undefined) checkedPrefix(this.prefix, where);
    this.#written = (this.prefix === undefined ? [source] : this.leading).map((text) => this.#parse(text));
  }

  /** The plain tag with its placeholders; `undefined` for a prefix pattern. */
  get plain(): string | undefined {
    return this.prefix === undefined ? plainTag(this.#source) : undefined;
  }

  /** The leading parameters that a prefix pattern names, each as it is written: `{student_id}`. */
  get leading(): readonly string[] {
    return this.prefix === undefined ? [] : this.#source.slice(0, -2).split(':').slice(1);
  }

  /**
   * @returns the tags' names in the store: one, or one for each element of a list. If a placeholder has no value in this
   *   call: no tag, or for a prefix pattern the one that ends before the placeholder, rather too much than too little
   * @throws {CacheError} `CACHE_INVALID_OPTIONS` for a value that no tag can name, and for more than a hundred tags
   */
  expand(resolve: Resolve): string[] {
    let filled: (readonly string[])[] = [[]];
    for (const name of this.names) {
      const value = resolve(name);
      if (!isPresent(value) && this.prefix !== undefined) return this.#before(name).expand(resolve);
      const texts = literals(value, name);
      if (filled.length * texts.length > MAX_TAGS) throw unnameable(`more than ${MAX_TAGS} tags`);
      filled = filled.flatMap((before) => texts.map((text) => [...before, text]));
    }
    return filled.map((texts) => this.#fill(texts));
  }

  /** The prefix pattern of the parameters before the one that needs `name`. */
  #before(name: string): TagTemplate {
    const before = this.#source.slice(0, this.#source.indexOf(`{${name}}`));
    return new TagTemplate(`${before.slice(0, before.lastIndexOf(':'))}:*`, this.#source);
  }

  #parse(text: string): Pieces {
    return text
      .split(PLACEHOLDERS)
      .map((piece, place) => (place % 2 === 0 ? piece : this.names.indexOf(piece)));
  }

  /** @param texts  one for each of `names`, in their order */
  #fill(texts: readonly string[]): string {
    const filled = this.#written.map((pieces) =>
      pieces.map((piece) => (typeof piece === 'number' ? texts[piece] : piece)).join(''),
    );
    return this.prefix === undefined ? plainTag(filled.join('')) : prefixTag(this.prefix, filled);
  }

  /** Whether some calls could make the same tag of both. Prefix patterns make none. */
  mayEqual(other: TagTemplate): boolean {
    if (this.prefix !== undefined || other.prefix !== undefined) return false;
    if (other.names.length === 0) return this.#mayBe(other.#source);
    if (this.names.length === 0) return other.#mayBe(this.#source);
    // Only the ends must fit: between them, the values of one can hold whatever the other has.
    const [[head, tail], [otherHead, otherTail]] = [this.#ends, other.#ends];
    return (
      (head.startsWith(otherHead) || otherHead.startsWith(head)) &&
      (tail.endsWith(otherTail) || otherTail.endsWith(tail))
    );
  }

  #mayBe(tag: string): boolean {
    if (this.names.length === 0) return tag === this.#source;
    const [head, tail] = this.#ends;
    return tag.length >= head.length + tail.length && tag.startsWith(head) && tag.endsWith(tail);
  }

  /** The texts before the first placeholder and after the last. */
  get #ends(): readonly [head: string, tail: string] {
    const texts = this.#source.split(PLACEHOLDERS);
    return [texts[0] ?? '', texts.at(-1) ?? ''];
  }

  toString(): string {
    return this.#source;
  }
}

/** Texts, and for each placeholder the index of its name. */
type Pieces = readonly (string | number)[];

/**
 * Resolves the placeholders of provider methods: `{0}` is the first argument, `{0.id}` a field of it. For any other name it
 * throws `CACHE_INVALID_OPTIONS`.
 */
export function fromArguments(args: readonly unknown[]): Resolve {
  return (name) => {
    const [index = '', ...fields] = name.split('.');
    // It stands on a route that was not recognised as one.
    if (!/^\d+$/.test(index)) throw unnameable(`{${name}}`);
    return fields.reduce<unknown>(field, args[Number(index)]);
  };
}

/** The text of a scalar; `undefined` for anything else. */
export function literal(value: unknown): string | undefined {
  return ['string', 'number', 'bigint', 'boolean'].includes(typeof value) ? String(value) : undefined;
}

function isPresent<T>(value: T): value is NonNullable<T> {
  return value !== undefined && value !== null;
}

function literals(value: unknown, name: string): string[] {
  if (!isPresent(value)) return [];
  return (Array.isArray(value) ? value : [value]).map((element) => {
    const text = literal(element);
    if (text === undefined) throw unnameable(`{${name}}`);
    return text;
  });
}

function unnameable(what: string): CacheError {
  return new CacheError('CACHE_INVALID_OPTIONS', `${what} cannot be named in this call`);
}

/**
 * A field of a value, also one that its class computes; for a list that field of each element.
 *
 * @returns `undefined` if there is none
 * @throws {CacheError} `CACHE_INVALID_OPTIONS` for a value that can have no fields, such as a text
 */
export function field(value: unknown, name: string): unknown {
  if (!isPresent(value)) return undefined;
  if (typeof value !== 'object') throw unnameable(`{${name}} of a ${typeof value}`);
  if (Object.hasOwn(value, name)) return (value as Record<string, unknown>)[name];
  if (Array.isArray(value)) {
    return value.map((element: unknown) => field(element, name)).filter(isPresent);
  }
  return name in value && !(name in Object.prototype) ? (value as Record<string, unknown>)[name] : undefined;
}
