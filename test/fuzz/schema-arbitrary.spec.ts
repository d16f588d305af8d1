import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import fc from 'fast-check';
import { openApiDocument } from '../support/openapi.js';
import { type Schema, SchemaArbitrary } from './schema-arbitrary.js';
import { operationsOf } from './operations.js';

jest.setTimeout(120_000);

const ajv = formats.default(new Ajv2020({ strict: false, multipleOfPrecision: 6 }));

function expectToTell(arbitrary: SchemaArbitrary, schema: Schema, components: object, name: string): void {
  const isValid = ajv.compile({ ...schema, components });
  fc.assert(
    fc.property(arbitrary.valid(schema), (value) => {
      if (!isValid(value))
        throw new Error(`${name}: made ${JSON.stringify(value)}: ${ajv.errorsText(isValid.errors)}`);
    }),
    { numRuns: 50 },
  );
  const invalid = arbitrary.invalid(schema);
  if (invalid === undefined) return;
  fc.assert(
    fc.property(invalid, (value) => {
      if (isValid(value)) throw new Error(`${name}: ${JSON.stringify(value)} is valid after all`);
    }),
    { numRuns: 100 },
  );
}

const closed = (properties: Record<string, Schema>, required: string[] = []): Schema => ({
  type: 'object',
  properties,
  required,
  additionalProperties: false,
});

describe('values made from a schema', () => {
  it.each<[string, Schema]>([
    ['a text', { type: 'string', minLength: 1, maxLength: 20, pattern: '\\S' }],
    ['a text of a pattern', { type: 'string', pattern: '^[a-z][a-z0-9_]{0,31}$' }],
    ['a moment or null', { type: ['string', 'null'], format: 'date-time' }],
    ['a UUID', { type: 'string', format: 'uuid' }],
    ['an address', { type: 'string', format: 'email', maxLength: 254 }],
    ['a share', { type: 'number', minimum: 0, maximum: 100, multipleOf: 0.01 }],
    ['a count', { type: 'integer', minimum: 1, maximum: 200 }],
    ['a word', { type: 'string', enum: ['one', 'two'] }],
    ['a word or null', { type: ['string', 'null'], enum: ['one', null] }],
    ['a word with a text', { allOf: [{ type: 'string', enum: ['one', 'two'] }], description: 'which' }],
    ['a word or null in its place', { anyOf: [{ type: 'string', enum: ['one'] }, { type: 'null' }] }],
    ['a switch', { type: 'boolean' }],
    ['anything in an object', { type: ['object', 'null'], additionalProperties: true }],
    ['an object', closed({ a: { type: 'string', minLength: 2 }, b: { type: 'integer' } }, ['a'])],
  ])('are right where they should be, and wrong where they should not: %s', (name, schema) => {
    expectToTell(new SchemaArbitrary(() => schema), schema, {}, name);
  });

  it('are so for every body and parameter of the API', async () => {
    const document = await openApiDocument();
    const operations = operationsOf(document);
    const arbitrary = new SchemaArbitrary((reference) => operations.resolve(reference));

    for (const { name, parameters, body } of operations.all) {
      for (const { name: parameter, schema } of parameters)
        expectToTell(arbitrary, schema, document.components ?? {}, `${name} ${parameter}`);
      if (body) expectToTell(arbitrary, body.schema, document.components ?? {}, `${name} body`);
    }
  });

  it('are not made from what is not understood', () => {
    const arbitrary = new SchemaArbitrary(() => ({}));

    expect(() => arbitrary.valid({ type: 'string', contentEncoding: 'base64' } as Schema)).toThrow(
      'contentEncoding',
    );
    expect(() => arbitrary.valid({ type: 'string', format: 'ipv9' })).toThrow('ipv9');
    expect(() => arbitrary.valid({ anyOf: [{ type: 'string' }, { type: 'integer' }] })).toThrow('anyOf');
  });
});
