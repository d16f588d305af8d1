import fc from 'fast-check';

/** What of JSON Schema this API's description uses; anything else is refused, so that nothing is tested by half. */
export interface Schema {
  $ref?: string;
  description?: string;
  type?: string | string[];
  enum?: unknown[];
  format?: string;
  pattern?: string;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  multipleOf?: number;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: boolean;
  allOf?: Schema[];
  anyOf?: Schema[];
  example?: unknown;
  default?: unknown;
}

/** Looks a `$ref` up. */
export type Resolve = (reference: string) => Schema;

/** Values that mean something to the service, by the name of the property or parameter. */
export type KnownValues = Readonly<Record<string, readonly string[]>>;

const annotations = ['description', 'example', 'examples', 'default', 'title'];
const understood = [
  ...['$ref', 'type', 'enum', 'format', 'pattern', 'minLength', 'maxLength', 'minimum', 'maximum'],
  ...['multipleOf', 'properties', 'required', 'additionalProperties'],
];

/** Values that a schema allows, and values that it does not. */
export class SchemaArbitrary {
  constructor(
    private readonly resolve: Resolve,
    private readonly known: KnownValues = {},
  ) {}

  /**
   * Values that the schema allows.
   *
   * @param name  of the property or parameter: for one that is {@link KnownValues known}, mostly a known value
   * @throws {Error} for a word that is not understood here
   */
  valid(described: Schema, name = ''): fc.Arbitrary<unknown> {
    const schema = this.#inPlace(described);
    refuseUnknown(schema);
    if (schema.enum) return fc.constantFrom(...schema.enum);
    const values = typesOf(schema).map((type) => this.#ofType(type, schema));
    const any = values.length === 1 ? values[0]! : fc.oneof(...values);
    const known = this.known[name];
    if (!known || known.length === 0) return any;
    return fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...known) }, { weight: 1, arbitrary: any });
  }

  /** Values with exactly one fault; `undefined` for a schema that allows everything. */
  invalid(described: Schema): fc.Arbitrary<unknown> | undefined {
    const schema = this.#inPlace(described);
    const types = typesOf(schema);
    const faults = this.#faults(schema);
    const wrongTypes = samplesOfTypes.filter(({ fits }) => !types.some((type) => fits.includes(type)));
    if (wrongTypes.length > 0) faults.push(fc.constantFrom(...wrongTypes.map(({ value }) => value)));
    return faults.length === 0 ? undefined : fc.oneof(...faults);
  }

  /** The same where everything is a text: parameters. */
  invalidText(schema: Schema): fc.Arbitrary<string> | undefined {
    const faults = this.#faults(schema);
    if (isNumeric(schema)) faults.push(fc.constantFrom('', 'abc', 'NaN', '1e999', '1;2', '0x', '١'));
    return faults.length === 0 ? undefined : fc.oneof(...faults).map(String);
  }

  /** The schema that is referred to, be it with a text of its own, or where null may stand in its place. */
  #inPlace(schema: Schema): Schema {
    const { $ref, allOf, anyOf, ...own } = schema;
    if ($ref !== undefined) return this.#inPlace(this.resolve($ref));
    if (allOf?.length === 1) return { ...this.#inPlace(allOf[0]!), ...own };
    if (anyOf?.length !== 2 || anyOf[1]!.type !== 'null') return schema;
    const value = this.#inPlace(anyOf[0]!);
    return {
      ...value,
      ...own,
      type: [...typesOf(value), 'null'],
      ...(value.enum ? { enum: [...value.enum, null] } : {}),
    };
  }

  /** What is wrong though it has the right type. */
  #faults(schema: Schema): fc.Arbitrary<unknown>[] {
    refuseUnknown(schema);
    const types = typesOf(schema);
    const faults: fc.Arbitrary<unknown>[] = [];
    if (schema.enum) faults.push(fc.constantFrom('', 'no-such-word', `${String(schema.enum[0])} `));
    else if (types.includes('string')) faults.push(...invalidTexts(schema));
    if (isNumeric(schema)) faults.push(...invalidNumbers(schema, types));
    if (types.includes('object')) faults.push(...this.#invalidObjects(schema));
    return faults;
  }

  #ofType(type: string, schema: Schema): fc.Arbitrary<unknown> {
    switch (type) {
      case 'null':
        return fc.constant(null);
      case 'boolean':
        return fc.boolean();
      case 'integer':
      case 'number':
        return number(schema, schema.multipleOf ?? (type === 'integer' ? 1 : 0.5));
      case 'string':
        return text(schema);
      case 'object':
        return this.#object(schema);
      default:
        throw new Error(`no values of type ${type}`);
    }
  }

  #object(schema: Schema): fc.Arbitrary<unknown> {
    const { properties, required = [] } = schema;
    if (!properties) return fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), leaf, { maxKeys: 5 });
    const values = Object.entries(properties).map(([name, value]) => [name, this.valid(value, name)]);
    return fc.record(Object.fromEntries(values) as Record<string, fc.Arbitrary<unknown>>, {
      requiredKeys: required,
      noNullPrototype: true,
    });
  }

  #invalidObjects(schema: Schema): fc.Arbitrary<unknown>[] {
    const { properties = {}, required = [], additionalProperties } = schema;
    const valid = this.#object(schema) as fc.Arbitrary<Record<string, unknown>>;
    const changed = Object.entries(properties).flatMap(([name, value]) => {
      const wrong = this.invalid(value);
      return wrong ? [fc.tuple(valid, wrong).map(([object, fault]) => ({ ...object, [name]: fault }))] : [];
    });
    const missing = required.map((name) => valid.map(({ [name]: _, ...others }) => others));
    const surprising = fc
      .tuple(valid, fc.constantFrom('surprise', 'is_admin', 'deleted_at', 'constructor'), leaf)
      .map(([object, name, value]) => ({ ...object, [name]: value }));
    return [...changed, ...missing, ...(additionalProperties === false ? [surprising] : [])];
  }
}

const leaf = fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null));

const samplesOfTypes = [
  { value: 'text', fits: ['string'] },
  { value: '', fits: ['string'] },
  { value: 7, fits: ['integer', 'number'] },
  { value: -0.5, fits: ['number', 'integer'] },
  { value: true, fits: ['boolean'] },
  { value: null, fits: ['null'] },
  { value: [], fits: ['array'] },
  { value: ['x'], fits: ['array'] },
  { value: {}, fits: ['object'] },
  { value: { $ne: null }, fits: ['object'] },
];

function typesOf(schema: Schema): string[] {
  const types = [schema.type ?? (schema.properties ? 'object' : [])].flat();
  if (types.length === 0) throw new Error(`no type in ${JSON.stringify(schema)}`);
  return types;
}

function isNumeric(schema: Schema): boolean {
  return typesOf(schema).some((type) => type === 'number' || type === 'integer');
}

function refuseUnknown(schema: Schema): void {
  const unknown = Object.keys(schema).filter((word) => ![...understood, ...annotations].includes(word));
  if (unknown.length > 0) throw new Error(`the fuzzer does not understand ${unknown.join(', ')}`);
}

function number({ minimum = -1e6, maximum = 1e6 }: Schema, step: number): fc.Arbitrary<number> {
  const decimals = String(step).split('.')[1]?.length ?? 0;
  const least = Math.ceil(round(minimum / step));
  const most = Math.floor(round(maximum / step));
  return fc.integer({ min: least, max: most }).map((count) => Number((count * step).toFixed(decimals)));
}

/** 0.01 / 0.01 and its like are whole numbers but for the last bits. */
function round(value: number): number {
  return Number(value.toFixed(6));
}

function invalidNumbers(schema: Schema, types: string[]): fc.Arbitrary<unknown>[] {
  const { minimum, maximum, multipleOf } = schema;
  const base = Math.ceil(minimum ?? 0);
  return [
    ...(minimum === undefined ? [] : [fc.constantFrom(minimum - 1, -1e15)]),
    ...(maximum === undefined ? [] : [fc.constantFrom(maximum + 1, 1e15)]),
    ...(types.includes('integer') ? [fc.constantFrom(base + 0.5)] : []),
    ...(multipleOf === undefined ? [] : [fc.constant(base + multipleOf / 10)]),
  ];
}

function text(schema: Schema): fc.Arbitrary<string> {
  const { format, pattern, minLength = 0, maxLength = 300 } = schema;
  const fits = (value: string) => lengthOf(value) >= minLength && lengthOf(value) <= maxLength;
  if (format !== undefined) return (formats[format] ?? refuseFormat(format)).valid.filter(fits);
  const expression = pattern === undefined ? undefined : new RegExp(pattern, 'u');
  if (expression && pattern?.startsWith('^')) return fc.stringMatching(expression).filter(fits);
  const plain = fc.string({ unit: 'grapheme', minLength, maxLength });
  const longest = fc.constantFrom('x', 'é', '🙂').map((letter) => letter.repeat(maxLength));
  return fc
    .oneof({ weight: 8, arbitrary: plain }, { weight: 1, arbitrary: longest })
    .filter((value) => fits(value) && (expression?.test(value) ?? true));
}

function invalidTexts(schema: Schema): fc.Arbitrary<string>[] {
  const { format, pattern, minLength = 0, maxLength } = schema;
  const faults: fc.Arbitrary<string>[] = [];
  if (format !== undefined)
    faults.push(fc.constantFrom(...(formats[format] ?? refuseFormat(format)).invalid));
  if (pattern !== undefined) {
    const expression = new RegExp(pattern, 'u');
    faults.push(
      fc.oneof(fc.constantFrom(...hostile), fc.string()).filter((value) => !expression.test(value)),
    );
  }
  if (minLength > 0) faults.push(fc.constant(''));
  if (maxLength !== undefined)
    faults.push(fc.constantFrom(1, 1000).map((more) => 'x'.repeat(maxLength + more)));
  return faults;
}

/** JSON Schema counts characters, JavaScript halves of some. */
function lengthOf(value: string): number {
  return Array.from(value).length;
}

const hostile = [
  ...[
    '',
    ' ',
    '*',
    '%',
    '_',
    "' OR '1'='1",
    '"; DROP TABLE users; --',
    '${7*7}',
    '{{7*7}}',
    '../../etc/passwd',
  ],
  ...['a\0b', 'a\r\nSet-Cookie: x=1', '\ud800', '\u202e', '__proto__', '<script>', 'x'.repeat(5000)],
];

const second = fc.integer({ min: 0, max: 200 * 86_400 });
const moment = fc
  .tuple(second, fc.constantFrom('Z', '+02:00', '-11:30'), fc.constantFrom('', '.5', '.123456789'))
  .map(([back, zone, fraction]) => {
    const utc = new Date(Date.now() - back * 1000).toISOString();
    return `${utc.slice(0, 19)}${fraction}${zone}`;
  });

const formats: Record<string, { valid: fc.Arbitrary<string>; invalid: string[] }> = {
  'date-time': {
    valid: fc.oneof(
      { weight: 9, arbitrary: moment },
      { weight: 1, arbitrary: fc.constantFrom('1999-12-31T23:59:59Z', '2100-02-28T00:00:00.000Z') },
    ),
    invalid: [
      '',
      'now',
      '2026-02-30T00:00:00Z',
      '2026-02-05',
      '2026-02-05T18:52:18',
      '1770317538',
      "2026'--",
    ],
  },
  uuid: {
    valid: fc.oneof(
      fc.uuid(),
      fc.uuid().map((id) => id.toUpperCase()),
    ),
    invalid: [
      '',
      '7',
      'not-a-uuid',
      '6f1c2f0e-3b0a-4f0b-9a64-0f2f4f3a9c3',
      '6f1c2f0e3b0a4f0b9a640f2f4f3a9c33x',
    ],
  },
  email: {
    valid: fc
      .tuple(fc.stringMatching(/^[a-z][a-z0-9]{0,19}$/), fc.stringMatching(/^[a-z]{1,9}$/))
      .map(([name, host]) => `${name}@${host}.org`),
    invalid: ['', 'ada', '@example.org', 'ada@', 'ada @example.org', 'ada@example.org\r\nBcc: x@example.org'],
  },
};

function refuseFormat(format: string): never {
  throw new Error(`the fuzzer does not know the format ${format}`);
}
