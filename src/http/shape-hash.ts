import { createHash } from 'node:crypto';
import type { OpenAPIObject } from '@nestjs/swagger';

/** Keywords for people: they do not change the form of an answer. */
const forPeople = new Set(['description', 'example', 'examples', 'title', 'deprecated']);
/** Keywords under which the keys are chosen names, and not keywords of JSON Schema. */
const byName = new Set(['properties', 'patternProperties', '$defs']);
const unordered = new Set(['required', 'enum']);
const reference = /^#\/components\/schemas\/(.+)$/;

/**
 * Names the form of what a route answers with status 200.
 *
 * Two documents give the same name if a program with the one can read what a program with the other wrote: texts for people,
 * the order of fields and the names of classes do not count.
 *
 * @param operationId  of the route in the document
 * @returns 12 hex digits; `undefined` where the document declares no JSON for it
 */
export function shapeHash(document: OpenAPIObject, operationId: string): string | undefined {
  // A route with several paths has several operations, with numbers.
  const isOurs = (id: string | undefined) => id?.replace(/\[\d+\]$/, '') === operationId;
  const schemas = Object.values(document.paths)
    .flatMap((item) => Object.values(item) as { operationId?: string; responses?: Responses }[])
    .filter((operation) => isOurs(operation.operationId))
    .map(({ responses }) => responses?.['200']?.content?.['application/json']?.schema);
  if (schemas.length === 0 || schemas.includes(undefined)) return undefined;
  const forms = schemas.map((schema) => JSON.stringify(form(schema, document.components?.schemas ?? {}, [])));
  return createHash('sha256').update(forms.join('\n')).digest('hex').slice(0, 12);
}

type Responses = Partial<Record<string, { content?: Partial<Record<string, { schema?: unknown }>> }>>;
type Schemas = Readonly<Record<string, unknown>>;

/** The schema with its references replaced and its keys sorted. A reference to a schema around it remains one. */
function form(schema: unknown, named: Schemas, within: readonly string[]): unknown {
  if (Array.isArray(schema)) return schema.map((item) => form(item, named, within));
  if (typeof schema !== 'object' || schema === null) return schema;
  const { $ref, ...words } = schema as Record<string, unknown>;
  const own = sorted(words)
    .filter(([word]) => !forPeople.has(word))
    .map(
      ([word, value]) =>
        [
          word,
          byName.has(word) ? fields(value, named, within) : form(inOrder(word, value), named, within),
        ] as const,
    );
  const [[word, value] = []] = own;
  // A reference that has a text for people is written as the only element of `allOf`.
  if (own.length === 1 && word === 'allOf' && Array.isArray(value) && value.length === 1) return value[0];
  return { ...referred($ref, named, within), ...Object.fromEntries(own) };
}

function referred($ref: unknown, named: Schemas, within: readonly string[]): object | undefined {
  const name = typeof $ref === 'string' ? reference.exec($ref)?.[1] : undefined;
  if (name === undefined) return undefined;
  if (within.includes(name)) return { $ref: within.indexOf(name) };
  return form(named[name], named, [...within, name]) as object | undefined;
}

function fields(value: unknown, named: Schemas, within: readonly string[]): unknown {
  return Object.fromEntries(
    sorted(value as object).map(([name, schema]) => [name, form(schema, named, within)]),
  );
}

function sorted(value: object): [string, unknown][] {
  return (Object.entries(value) as [string, unknown][]).sort(([one], [other]) => (one < other ? -1 : 1));
}

function inOrder(word: string, value: unknown): unknown {
  return unordered.has(word) && Array.isArray(value) ? [...(value as unknown[])].sort() : value;
}
