import fc from 'fast-check';
import type { Answer } from '../support/openapi.js';
import type { Operation, Parameter } from './operations.js';
import type { SchemaArbitrary } from './schema-arbitrary.js';

/** One request, with what the document says of it. */
export interface FuzzRequest {
  readonly operation: Operation;
  readonly caller: string;
  readonly path: Readonly<Record<string, string>>;
  readonly query: readonly (readonly [name: string, value: string])[];
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  /** Whether the document allows it; `unclear` where the document cannot say. */
  readonly fits: 'yes' | 'no' | 'unclear';
  /** What was done to a valid request, in a few words; empty for nothing. */
  readonly fault: string;
}

/** The document cannot say which texts are cursors. */
const opaque = ['cursor'];

/** Requests to any operation by any caller, half of them with one fault. */
export function anyRequest(
  operations: readonly Operation[],
  callers: readonly string[],
  schemas: SchemaArbitrary,
): fc.Arbitrary<FuzzRequest> {
  const caller = fc.constantFrom(...callers);
  return fc.oneof(
    ...operations.map((operation) => {
      const valid = validRequest(operation, caller, schemas);
      const faults = faultsOf(operation, schemas);
      return fc.oneof(
        valid,
        fc.tuple(valid, fc.oneof(...faults)).map(([request, fault]) => fault(request)),
      );
    }),
  );
}

/**
 * For each operation that takes JSON, and each caller, a request without a body, once of a declared type and once of none. Which
 * of the random ones are such is luck, and that a route took one has been missed.
 */
export function bodilessRequests(
  operations: readonly Operation[],
  callers: readonly string[],
  schemas: SchemaArbitrary,
  seed: number,
): FuzzRequest[] {
  const taking = operations.filter(({ body }) => body?.type === 'application/json');
  return taking.flatMap((operation) =>
    callers.flatMap((caller): FuzzRequest[] => {
      const valid = validRequest(operation, fc.constant(caller), schemas);
      const [request] = fc.sample(valid, { seed, numRuns: 1 });
      const { 'content-type': _, ...headers } = request!.headers;
      return [
        { ...request!, body: '', fits: 'no', fault: 'empty body' },
        { ...request!, headers, body: undefined, fits: 'no', fault: 'no body' },
      ];
    }),
  );
}

type Fault = (request: FuzzRequest) => FuzzRequest;

function validRequest(
  operation: Operation,
  caller: fc.Arbitrary<string>,
  schemas: SchemaArbitrary,
): fc.Arbitrary<FuzzRequest> {
  const values = (place: Parameter['in']) => {
    const parameters = operation.parameters.filter((parameter) => parameter.in === place);
    return fc.record(
      Object.fromEntries(
        parameters
          .filter(({ name }) => !opaque.includes(name))
          .map(({ name, schema }) => [
            name,
            place === 'header'
              ? schemas.valid(schema, name).map(String).filter(isSendable)
              : schemas.valid(schema, name).map(String),
          ]),
      ),
      {
        requiredKeys: parameters.filter(({ required }) => required).map(({ name }) => name),
        noNullPrototype: true,
      },
    ) as fc.Arbitrary<Record<string, string>>;
  };
  return (
    fc
      .record({
        caller,
        path: values('path'),
        query: values('query'),
        headers: values('header'),
        body: bodyOf(operation, schemas),
      })
      // An empty value would make it another path.
      .filter(({ path }) =>
        Object.values(path).every((value) => value !== '' && encodeURIComponent(value).length <= 150),
      )
      .map(({ query, headers, body, ...rest }) => ({
        operation,
        ...rest,
        query: Object.entries(query),
        headers: body === undefined ? headers : { ...headers, 'content-type': operation.body!.type },
        body,
        fits: 'yes' as const,
        fault: '',
      }))
  );
}

function bodyOf({ body }: Operation, schemas: SchemaArbitrary): fc.Arbitrary<string | undefined> {
  if (!body) return fc.constant(undefined);
  if (body.type === 'application/json')
    return schemas.valid(body.schema).map((value) => JSON.stringify(value));
  const anyLine = fc.oneof(fc.json(), fc.string());
  const line = body.line
    ? fc.oneof(
        { weight: 4, arbitrary: schemas.valid(body.line).map((value) => JSON.stringify(value)) },
        anyLine,
      )
    : anyLine;
  return fc.array(line, { minLength: 1, maxLength: 5 }).map((lines) => lines.join('\n'));
}

function faultsOf(operation: Operation, schemas: SchemaArbitrary): fc.Arbitrary<Fault>[] {
  return [
    ...operation.parameters.flatMap((parameter) => parameterFaults(parameter, schemas)),
    ...queryFaults(operation),
    ...bodyFaults(operation, schemas),
  ];
}

/** What a client asks next: whether what it holds is still the answer, for the next page, or for the same again. */
export function followUps(request: FuzzRequest, { status, headers, body }: Answer): FuzzRequest[] {
  if (status >= 300) return [];
  if (request.operation.method !== 'GET') return 'Idempotency-Key' in request.headers ? [request] : [];
  const { etag } = headers;
  const { next_cursor: cursor, data } = (body ?? {}) as { next_cursor?: unknown; data?: unknown };
  const hasPages = Array.isArray(data) && data.length > 1 && typeof cursor !== 'string';
  const isList = request.operation.parameters.some(({ name }) => name === 'limit');
  const isHeld = { ...request, headers: { ...request.headers, 'If-None-Match': etag ?? '' } };
  return [
    ...(etag === undefined ? [] : [isHeld]),
    ...(hasPages && isList ? [withQuery(request, 'limit', ['1'], request.fault, request.fits)] : []),
    ...(typeof cursor === 'string'
      ? [withQuery(request, 'cursor', [cursor], request.fault, request.fits)]
      : []),
  ];
}

/** A value that the schema refuses, for each parameter; a missing one, where it is required. */
function parameterFaults(parameter: Parameter, schemas: SchemaArbitrary): fc.Arbitrary<Fault>[] {
  const { name, schema, required } = parameter;
  if (opaque.includes(name)) return [];
  const invalid = schemas.invalidText(schema);
  const faults: fc.Arbitrary<Fault>[] = [];
  if (invalid && parameter.in === 'path') {
    const usable = invalid.filter((value) => value !== '' && isWellFormed(value));
    faults.push(
      usable.map((value) => (request) => ({
        ...request,
        path: { ...request.path, [name]: value },
        fits: 'no',
        fault: `path ${name}`,
      })),
    );
  }
  if (invalid && parameter.in === 'query')
    faults.push(
      invalid
        .filter(isWellFormed)
        .map((value) => (request) => withQuery(request, name, [value], `query ${name}`)),
    );
  if (invalid && parameter.in === 'header') {
    const sendable = invalid.filter(isSendable);
    faults.push(
      sendable.map((value) => (request) => ({
        ...request,
        headers: { ...request.headers, [name]: value },
        fits: 'no',
        fault: `header ${name}`,
      })),
    );
  }
  if (required && parameter.in === 'query')
    faults.push(fc.constant((request) => withQuery(request, name, [], `query ${name} missing`)));
  if (required && parameter.in === 'header')
    faults.push(
      fc.constant(({ headers: { [name]: _, ...headers }, ...request }) => ({
        ...request,
        headers,
        fits: 'no',
        fault: `header ${name} missing`,
      })),
    );
  return faults;
}

function queryFaults({ parameters }: Operation): fc.Arbitrary<Fault>[] {
  const names = parameters.filter(
    (parameter) => parameter.in === 'query' && !opaque.includes(parameter.name),
  );
  const unknown = fc.constantFrom('surprise', 'fields', 'where[$ne]', 'order', '__proto__', 'limit[]').map(
    (name): Fault =>
      (request) =>
        withQuery(request, name, ['1'], 'unknown query', 'unclear'),
  );
  const cursor = fc
    .oneof(
      fc.string(),
      fc.base64String(),
      fc.json().map((text) => Buffer.from(text).toString('base64url')),
    )
    .filter(isWellFormed)
    .map(
      (value): Fault =>
        (request) =>
          withQuery(request, 'cursor', [value], 'cursor', 'unclear'),
    );
  const twice = names.map(({ name }) =>
    fc.constant<Fault>((request) => withQuery(request, name, ['a', 'b'], `query ${name} twice`)),
  );
  return [unknown, ...twice, ...(parameters.some(({ name }) => name === 'cursor') ? [cursor] : [])];
}

function bodyFaults({ body }: Operation, schemas: SchemaArbitrary): fc.Arbitrary<Fault>[] {
  if (!body) return [];
  const faults: fc.Arbitrary<Fault>[] = [
    fc
      .constantFrom(
        'text/xml',
        'application/x-www-form-urlencoded',
        'multipart/form-data; boundary=x',
        'text/plain',
      )
      .map((type): Fault => (request) => ({
        ...request,
        headers: { ...request.headers, 'content-type': type },
        fits: 'no',
        fault: 'content type',
      })),
  ];
  if (body.type !== 'application/json') return faults;
  const invalid = schemas.invalid(body.schema);
  if (invalid)
    faults.push(
      invalid.map((value) => (request) => ({
        ...request,
        body: JSON.stringify(value),
        fits: 'no',
        fault: 'body',
      })),
    );
  faults.push(
    fc
      .constantFrom('', '{', '{"a":', '[1,', 'nul', '\u0000', '{"__proto__":{"admin":true}}')
      .map((text): Fault => (request) => ({ ...request, body: text, fits: 'no', fault: 'body text' })),
  );
  return faults;
}

function withQuery(
  request: FuzzRequest,
  name: string,
  values: string[],
  fault: string,
  fits: FuzzRequest['fits'] = 'no',
): FuzzRequest {
  const others = request.query.filter(([other]) => other !== name);
  return { ...request, query: [...others, ...values.map((value) => [name, value] as const)], fits, fault };
}

/** Node sends no other headers, and trims them. */
function isSendable(text: string): boolean {
  return /^[\t -~]+$/.test(text) && text.trim() === text;
}

/** Half a surrogate pair cannot be written in an address. */
function isWellFormed(text: string): boolean {
  return !/\p{Surrogate}/u.test(text);
}
