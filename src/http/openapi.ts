import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { service } from '../config/service.js';
import {
  addCommonHeaders,
  addHeader,
  nextPage,
  pending,
  replayed,
  retryWhenDone,
  shareHeaders,
} from './answer-headers.js';
import { operationId } from './operation-id.js';
import { ProblemDto, ProblemPartDto } from './problem.dto.js';
import { unquoteLines } from './unquote-lines.js';

const prefix = 'api/v3';
const methods = ['get', 'post', 'put', 'patch', 'delete'] as const;

const problemContent = {
  'application/problem+json': { schema: { $ref: '#/components/schemas/ProblemDto' } },
};

type PathItem = OpenAPIObject['paths'][string];
type Operation = NonNullable<PathItem['get']>;

/**
 * The description of the whole API, OpenAPI 3.1.
 *
 * @param now  moments of the past in examples lie a week before it
 */
export function createOpenApiDocument(app: INestApplication, now = new Date()): OpenAPIObject {
  const config = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('AI-native learning analytics')
    .setDescription(
      [
        'Learning analytics for a programming platform with an AI tutor. Times are ISO 8601 in UTC, ids are texts.',
        'Errors are `application/problem+json` (RFC 9457): decide on `code`.',
        'Cached answers say in `X-Cache` whether they were a `HIT`, a `MISS` or `STALE`; `BYPASS` is one that the cache had no part in.',
        'A write is done when it is answered. With `X-Cache-Invalidation: pending`, reads may still show what was before for a while.',
        'Where an operation does not name `If-Match`, one that is not `*` is answered with 412, but by health and metrics: nothing there has an `ETag`.',
        'Try course `PROG-101` and student `STU001`.',
      ].join('\n\n'),
    )
    .setVersion(service.version)
    .addTag('analytics', 'How courses and students stand, now and at any past moment')
    .addTag('users', 'People: students, teachers and administrators')
    .addTag('courses', 'Courses, with their dates and pass marks')
    .addTag('activities', 'The work of a course, which is handed in')
    .addTag('enrollments', 'Who is what in which course, and how it ended')
    .addTag('submissions', 'Attempts at activities, and their grades')
    .addTag('tutor-sessions', 'Conversations with the AI tutor')
    .addTag('events', 'What students did, one at a time or many')
    .addTag('system', 'What runs here, its figures and its Redis; for administrators')
    .addTag('health', 'Probes, open to all')
    .addTag('service', 'The front page and the metrics, open to all')
    .addBearerAuth({ type: 'http', scheme: 'bearer', bearerFormat: 'JWT' })
    .addSecurityRequirements('bearer')
    .build();
  const document = SwaggerModule.createDocument(app, config, {
    extraModels: [ProblemDto, ProblemPartDto],
    operationIdFactory: operationId,
  });
  for (const [path, item] of Object.entries(document.paths)) describe(path, item);
  exemplifyPast(document, new Date(now.getTime() - 7 * 86_400_000));
  closeBodies(document);
  dropDescriptionsOfWords(document);
  return document;
}

/** Swagger UI at `/api/v3/docs`, the document at `/api/v3/openapi.json`. */
export function serveApiDocs(app: INestApplication, document: () => OpenAPIObject): void {
  SwaggerModule.setup(`${prefix}/docs`, app, document, {
    jsonDocumentUrl: `${prefix}/openapi.json`,
    raw: ['json'],
    customSiteTitle: 'AI-native learning analytics',
    swaggerOptions: {
      displayRequestDuration: true,
      tryItOutEnabled: true,
      requestInterceptor: unquoteLines,
    },
  });
}

/** Whether the address is one of Swagger UI's. */
export function isApiDocs(url: string): boolean {
  return url.startsWith(`/${prefix}/docs`);
}

function describe(path: string, item: PathItem): void {
  for (const method of methods) {
    const operation = item[method];
    if (!operation) continue;
    const isOpen = !path.startsWith(`/${prefix}/`);
    if (isOpen) operation.security = [];
    addProblems(operation, path, isOpen);
    addCommonHeaders(operation);
    shareHeaders(operation);
    if (parameter(operation, 'header', 'Idempotency-Key')) {
      addHeader(operation, '2', 'Idempotency-Replayed', replayed);
      addHeader(operation, '409', 'Retry-After', retryWhenDone);
    }
    if (parameter(operation, 'query', 'cursor')) addHeader(operation, '2', 'Link', nextPage);
    // Writes under `/system` change no record.
    if (method !== 'get' && !isOpen && !path.startsWith(`/${prefix}/system/`))
      addHeader(operation, '2', 'X-Cache-Invalidation', pending);
  }
}

type Add = (status: string, description: string) => void;

function addWriteProblems(add: Add): void {
  add('404', 'What it refers to does not exist, or belongs to somebody else');
  add('409', 'It is in conflict with what is stored');
  add('413', 'The body is too large');
  add('415', 'The content type or encoding is not understood here');
  add('422', 'It refers to nothing, or a value breaks a rule of the data');
}

function addPreconditionProblems(operation: Operation, add: Add): void {
  const ifMatch = parameter(operation, 'header', 'If-Match');
  if (!ifMatch) return;
  add('412', 'It is not, or not any more, as `If-Match` says that the caller saw it');
  if (ifMatch.required) add('428', '`If-Match` is missing');
}

function parameter(
  { parameters = [] }: Operation,
  place: 'header' | 'query',
  name: string,
): { readonly required?: boolean } | undefined {
  return parameters.filter((one) => 'name' in one).find((one) => one.in === place && one.name === name);
}

/** Puts a moment of the past into examples. A fixed one would lie before all that is under way when somebody tries it. */
function exemplifyPast({ paths }: OpenAPIObject, moment: Date): void {
  const example = `${moment.toISOString().slice(0, 10)}T00:00:00Z`;
  for (const { get } of Object.values(paths)) {
    const asOf = get?.parameters?.find((one) => 'name' in one && one.name === 'as_of');
    if (asOf && 'schema' in asOf) asOf.schema = { ...asOf.schema, example };
  }
}

/** Validation refuses fields that a body does not declare, so its schema says so. */
function closeBodies({ paths, components }: OpenAPIObject): void {
  for (const operation of Object.values(paths).flatMap((item) => methods.map((method) => item[method]))) {
    const body = operation?.requestBody;
    if (!body || '$ref' in body) continue;
    const reference = body.content['application/json']?.schema;
    const name = reference && '$ref' in reference ? reference.$ref.split('/').at(-1) : undefined;
    const schema = name === undefined ? undefined : components?.schemas?.[name];
    if (schema && !('$ref' in schema)) schema.additionalProperties = false;
  }
}

/** Removes the descriptions of lists of words: Nest takes that of the first field with such a list. */
function dropDescriptionsOfWords({ components }: OpenAPIObject): void {
  for (const schema of Object.values(components?.schemas ?? {})) {
    if ('enum' in schema) delete schema.description;
  }
}

function addProblems(operation: Operation, path: string, isOpen: boolean): void {
  const add: Add = (status, description) => {
    operation.responses[status] ??= { description };
  };
  const isChecked = operation.parameters?.some((one) => 'in' in one && one.in !== 'header');
  if (operation.requestBody || isChecked) add('400', 'The request does not fit its schema');
  if (!isOpen) {
    add('401', 'Credentials are missing or not valid');
    add('403', 'This role may not do that');
    add('429', 'Too many requests; try again after `Retry-After` seconds');
    add('503', 'The database is not available; try again after `Retry-After` seconds');
  }
  if (path.includes('{')) add('404', 'There is no such thing, or it belongs to somebody else');
  if (path.includes('{as_of}')) add('422', 'The moment has not come yet');
  if (operation.requestBody) addWriteProblems(add);
  addPreconditionProblems(operation, add);
  add('default', 'Any other problem');
  for (const [status, response] of Object.entries(operation.responses)) {
    if (response === undefined || '$ref' in response || (status !== 'default' && Number(status) < 400))
      continue;
    response.content = { ...response.content, ...problemContent };
  }
}
