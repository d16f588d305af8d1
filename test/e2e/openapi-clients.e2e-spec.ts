import type { OpenAPIObject } from '@nestjs/swagger';
import { riskLevels } from '../../src/analytics/risk/risk-model.js';
import { problems } from '../../src/http/problem.js';
import { refusalCodes } from '../../src/records/events/refusal.js';
import { openApiDocument } from '../support/openapi.js';

interface Schema {
  $ref?: string;
  type?: string | string[];
  format?: string;
  minimum?: number;
  maximum?: number;
  example?: unknown;
  enum?: (string | null)[];
  properties?: Record<string, Schema>;
  items?: Schema;
  allOf?: Schema[];
  anyOf?: Schema[];
}

/** A field of an answer, by the name of its schema: `CourseDto.pass_mark`, with `[]` for what a list holds. */
interface Field {
  readonly name: string;
  readonly schema: Schema;
}

let openapi: OpenAPIObject;

beforeAll(async () => {
  openapi = await openApiDocument();
});

/** Every field that an answer can have, problems among them. */
function answerFields(): Field[] {
  const seen = new Set<string>();
  const responses = Object.values(openapi.paths)
    .flatMap((item) => Object.values(item) as { responses?: object }[])
    .flatMap((operation) => Object.values(operation.responses ?? {}) as { content?: object }[]);
  const contents = responses.flatMap(({ content = {} }) => Object.values(content) as { schema?: Schema }[]);
  return contents.flatMap(({ schema = {} }) => fieldsOf('', schema, seen));
}

/** Every field that a body can have. */
function bodyFields(): Field[] {
  const seen = new Set<string>();
  const bodies = Object.values(openapi.paths)
    .flatMap((item) => Object.values(item) as { requestBody?: { content?: object } }[])
    .flatMap(({ requestBody }) => Object.values(requestBody?.content ?? {}) as { schema?: Schema }[]);
  return bodies.flatMap(({ schema = {} }) => fieldsOf('', schema, seen));
}

function fieldsOf(name: string, schema: Schema, seen: Set<string>): Field[] {
  const { $ref, properties = {}, items, allOf = [], anyOf = [] } = schema;
  const fields = Object.entries(properties).flatMap(([field, value]) => [
    { name: `${name}.${field}`, schema: value },
    ...fieldsOf(`${name}.${field}`, value, seen),
  ]);
  const listed = items ? [{ name: `${name}[]`, schema: items }, ...fieldsOf(`${name}[]`, items, seen)] : [];
  const parts = [...allOf, ...anyOf].flatMap((part) => fieldsOf(name, part, seen));
  return [...fields, ...listed, ...parts, ...($ref ? referred($ref, seen) : [])];
}

function referred(reference: string, seen: Set<string>): Field[] {
  const name = reference.split('/').at(-1) ?? '';
  if (seen.has(name)) return [];
  seen.add(name);
  return fieldsOf(name, openapi.components?.schemas?.[name] ?? {}, seen);
}

/** The words that the schema, or the one that it refers to, allows. */
function wordsOf({ enum: words, $ref, allOf = [], anyOf = [] }: Schema): (string | null)[] | undefined {
  if (words) return words;
  const named = openapi.components?.schemas?.[$ref?.split('/').at(-1) ?? ''];
  return [...(named ? [named] : []), ...allOf, ...anyOf].map(wordsOf).find((found) => found !== undefined);
}

const isOf = (type: string, { schema }: Field) => [schema.type].flat().includes(type);

/** Numbers that may have decimals and that nothing bounds above, and why. */
const unbounded = {
  'ActivityDto.points': 'whoever makes the activity says how many',
  'ActivityDto.weight': 'whoever makes the activity says how much',
  'ActivityFiguresDto.points': 'as those of the activity',
  'TimeOnTaskDto.total': 'minutes, of as many students as there are',
  'TimeOnTaskDto.median_per_student': 'minutes, of as many sessions as there are',
  'TutorUseDto.messages_per_student': 'a mean of counts',
  'RiskEvidenceDto.due_weight': 'a sum of weights',
  'RiskEvidenceDto.missing_weight': 'a sum of weights',
  'RiskEvidenceDto.days_since_activity': 'time goes on',
  'RiskEvidenceDto.days_in': 'time goes on, and is negative before the course starts',
  'RiskEvidenceDto.median_active_days': 'a median of counts',
  'StudentRiskDto.time_spent_minutes': 'minutes, of as many sessions as there are',
  'StudentRiskDto.average_attempts': 'a mean of counts',
  'CachePrefixFigures.mean_load_ms': 'a method takes as long as it takes',
  'CachePrefixFigures.p50_load_ms': 'a method takes as long as it takes',
  'CachePrefixFigures.p95_load_ms': 'a method takes as long as it takes',
};

it('every operation has a name of its own that reads as one of a method', () => {
  const ids = Object.values(openapi.paths)
    .flatMap((item) => Object.values(item) as { operationId?: string }[])
    .map(({ operationId = '' }) => operationId);

  expect(ids.length).toBeGreaterThan(40);
  expect(ids.filter((id) => !/^[a-z][A-Za-z]+$/.test(id))).toEqual([]);
  expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([]);
});

it('answers say which numbers are whole, and between which bounds all others lie', () => {
  const loose = answerFields()
    .filter((field) => isOf('number', field))
    .filter(({ schema }) => schema.minimum === undefined || schema.maximum === undefined);

  expect(loose.map(({ name }) => name).sort()).toEqual(Object.keys(unbounded).sort());
});

it('answers say from what on they count, and that nothing but time before a course is negative', () => {
  const numbers = answerFields().filter((field) => isOf('number', field) || isOf('integer', field));

  expect(numbers.length).toBeGreaterThan(100);
  expect(numbers.filter(({ schema }) => !(schema.minimum! >= 0)).map(({ name }) => name)).toEqual([
    'RiskEvidenceDto.days_in',
  ]);
});

it('every moment in an answer is a date-time', () => {
  const isMoment = ({ name, schema: { example } }: Field) =>
    name.endsWith('_at') ||
    (typeof example === 'string' && !Number.isNaN(Date.parse(example)) && /T.*Z$/.test(example));
  const moments = answerFields().filter(isMoment);

  expect(moments.length).toBeGreaterThan(25);
  expect(moments.filter(({ schema }) => schema.format !== 'date-time').map(({ name }) => name)).toEqual([]);
});

it('a problem and a rejected line have one of the codes that there are', () => {
  const coded = answerFields().filter(({ name }) => name.endsWith('.code'));
  const codes = Object.fromEntries(coded.map(({ name, schema }) => [name, wordsOf(schema)]));

  expect(codes).toMatchObject({ 'ProblemDto.code': Object.keys(problems), 'LineError.code': refusalCodes });
  // The rules that the parts of a request can break are those of all validators.
  expect(Object.keys(codes).filter((name) => codes[name] === undefined)).toEqual(['ProblemPartDto.code']);
});

it('a list of words that several fields share is a type with a name', () => {
  const listOf = ({ name, schema }: Field) => {
    const words = schema.enum?.filter((word) => word !== null) ?? [];
    // One word alone is a constant.
    return words.length > 1 ? [{ name, words: words.sort().join(' ') }] : [];
  };
  const inPlace = [...answerFields(), ...bodyFields()].flatMap(listOf);
  const types = Object.entries(openapi.components?.schemas ?? {}) as [string, Schema][];
  const all = [...inPlace, ...types.flatMap(([name, schema]) => listOf({ name, schema }))];
  const shared = inPlace.filter(({ words }) => all.filter((list) => list.words === words).length > 1);

  expect(shared.map(({ name }) => name)).toEqual([]);
  // Nothing else: no field speaks for all that have it.
  expect(openapi.components?.schemas?.RiskLevel).toEqual({ type: 'string', enum: riskLevels });
});
