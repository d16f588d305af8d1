import { readFile } from 'node:fs/promises';
import type { OpenAPIObject } from '@nestjs/swagger';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { required } from './processes.js';

type Schema = Record<string, unknown>;

/** What is looked at of an answer; supertest's `Response` has all of it. */
export interface Answer {
  status: number;
  headers: Record<string, string>;
  text?: string | undefined;
  body: unknown;
}

/** What answers are held to. */
interface Checks {
  readonly ajv: Ajv2020;
  /** By their schemas. */
  readonly compiled: Map<string, ValidateFunction>;
}

let document: Promise<OpenAPIObject> | undefined;
const checksOf = new WeakMap<OpenAPIObject, Checks>();

/** The API's description, as the build gives it. */
export function openApiDocument(): Promise<OpenAPIObject> {
  const path = required('TEST_OPENAPI');
  return (document ??= readFile(path, 'utf8').then((text) => {
    const parsed = JSON.parse(text) as OpenAPIObject;
    checksOf.set(parsed, checksOfBuild(path));
    return parsed;
  }));
}

/** Compiling takes long, and each file of tests loads this module anew: all files of a worker share them. */
function checksOfBuild(path: string): Checks {
  const kept = process as unknown as Record<symbol, Checks | undefined>;
  return (kept[Symbol.for(`checks of ${path}`)] ??= newChecks());
}

function newChecks(): Checks {
  const ajv = formats.default(new Ajv2020({ strict: false, allErrors: true }));
  return { ajv, compiled: new Map() };
}

// Swagger UI and the document itself are not described by the document.
const undescribed = /^\/api\/v3\/(docs|openapi\.json)/;

/**
 * Fails unless the document foresees this answer: its path, method, status and content type, and every
 * property of its body. What a schema does not declare may not be there.
 */
export function expectToMatchOpenApi(
  openapi: OpenAPIObject,
  method: string,
  url: string,
  answer: Answer,
): void {
  const path = url.split('?', 1)[0]!;
  const mime = (answer.headers['content-type'] ?? '').split(';', 1)[0]!.trim();
  const name = `${method} ${path} → ${answer.status} ${mime}`;
  if (undescribed.test(path) || answer.status === 304) return;

  const operation = operationOf(openapi, method === 'HEAD' ? 'GET' : method, path);
  if (operation === undefined) {
    if (answer.status < 400) throw new Error(`${name}: the OpenAPI document does not know this operation`);
    validate(openapi, { $ref: '#/components/schemas/ProblemDto' }, answer, name);
    return;
  }
  const responses = operation.responses as Record<string, { content?: Record<string, { schema?: Schema }> }>;
  const response = responses[answer.status] ?? (answer.status >= 400 ? responses.default : undefined);
  if (response === undefined) throw new Error(`${name}: the OpenAPI document does not declare this status`);
  if (method === 'HEAD' || (!response.content && !answer.text)) return;
  const schema = response.content?.[mime]?.schema;
  if (schema === undefined)
    throw new Error(`${name}: the OpenAPI document does not declare a schema for this content type`);
  if (mime.endsWith('json')) validate(openapi, schema, answer, name);
}

function operationOf(openapi: OpenAPIObject, method: string, path: string): Schema | undefined {
  const segments = path.split('/');
  const fitting = Object.entries(openapi.paths)
    .filter(([template]) => {
      const parts = template.split('/');
      return (
        parts.length === segments.length &&
        parts.every((part, index) => /^\{.+\}$/.test(part) || part === segments[index])
      );
    })
    .sort(([one], [other]) => one.split('{').length - other.split('{').length);
  const item = fitting[0]?.[1] as Record<string, Schema> | undefined;
  return item?.[method.toLowerCase()];
}

function validate(openapi: OpenAPIObject, schema: Schema, answer: Answer, name: string): void {
  const checks = checksOf.get(openapi) ?? newChecks();
  checksOf.set(openapi, checks);
  const id = JSON.stringify(schema);
  const check = checks.compiled.get(id) ?? checks.ajv.compile(closed(openapi, schema));
  checks.compiled.set(id, check);
  if (check(answer.body)) return;
  const faults = (check.errors ?? []).slice(0, 10).map(({ instancePath, message, params }) => {
    return `  ${instancePath || '/'} ${message} ${JSON.stringify(params)}`;
  });
  throw new Error(
    `${name} does not fit the OpenAPI document:\n${faults.join('\n')}\n${JSON.stringify(answer.body).slice(0, 1000)}`,
  );
}

/** The schema with its references in place, so that each object can be closed where it is used. */
function closed(openapi: OpenAPIObject, schema: Schema, isPart = false): Schema {
  if (typeof schema.$ref === 'string') {
    const target = openapi.components?.schemas?.[schema.$ref.split('/').at(-1)!];
    if (!target) throw new Error(`${schema.$ref} is not in the OpenAPI document`);
    return closed(openapi, target as Schema, isPart);
  }
  const result: Schema = { ...schema };
  for (const word of ['allOf', 'anyOf', 'oneOf'] as const) {
    const members = schema[word] as Schema[] | undefined;
    if (members) result[word] = members.map((member) => closed(openapi, member, isPart || word === 'allOf'));
  }
  const properties = schema.properties as Record<string, Schema> | undefined;
  if (properties) {
    result.properties = Object.fromEntries(
      Object.entries(properties).map(([key, value]) => [key, closed(openapi, value)]),
    );
  }
  for (const word of ['items', 'additionalProperties'] as const) {
    if (typeof schema[word] === 'object') result[word] = closed(openapi, schema[word] as Schema);
  }
  const isObject =
    [schema.type].flat().includes('object') || properties !== undefined || schema.allOf !== undefined;
  if (isObject && !isPart && schema.additionalProperties === undefined) result.unevaluatedProperties = false;
  return result;
}
