import type { OpenAPIObject } from '@nestjs/swagger';
import type { Resolve, Schema } from './schema-arbitrary.js';

/** One method of one path, as the OpenAPI document describes it. */
export interface Operation {
  /** `POST /api/v3/users` */
  readonly name: string;
  readonly method: string;
  /** With `{name}` for what is variable. */
  readonly path: string;
  readonly parameters: readonly Parameter[];
  /** `line` is the form of each line, where the body is a list of what another operation takes one of. */
  readonly body:
    | { readonly type: string; readonly schema: Schema; readonly example?: unknown; readonly line?: Schema }
    | undefined;
  /** The statuses that are described by name; `default` is not one. */
  readonly statuses: readonly number[];
  readonly isOpen: boolean;
  /** The names of the header fields that are described, by status, in lower case. */
  readonly fields: ReadonlyMap<number, ReadonlySet<string>>;
}

export interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required: boolean;
  readonly schema: Schema;
  readonly example: unknown;
}

interface MediaType {
  readonly example?: unknown;
  readonly examples?: Readonly<Record<string, object>>;
}

const methods = ['get', 'post', 'put', 'patch', 'delete'] as const;

/** Everything that the API offers, read from its own description, and how to look its references up. */
export function operationsOf(document: OpenAPIObject): { all: Operation[]; resolve: Resolve } {
  const all = Object.entries(document.paths).flatMap(([path, item]) =>
    methods.flatMap((method) => {
      const operation = item[method];
      if (!operation) return [];
      const [body] = Object.entries(
        operation.requestBody && 'content' in operation.requestBody ? operation.requestBody.content : {},
      );
      return [
        {
          name: `${method.toUpperCase()} ${path}`,
          method: method.toUpperCase(),
          path,
          parameters: (operation.parameters ?? []).map((parameter) => {
            if ('$ref' in parameter) throw new Error(`${path}: references to parameters are not understood`);
            return {
              name: parameter.name,
              in: parameter.in as Parameter['in'],
              required: parameter.required ?? false,
              schema: parameter.schema as Schema,
              example: parameter.example as unknown,
            };
          }),
          body: body && {
            type: body[0],
            schema: body[1].schema as Schema,
            example: exampleOf(body[1]),
            ...lineOf(document, path),
          },
          statuses: Object.keys(operation.responses).map(Number).filter(Number.isInteger),
          isOpen: operation.security?.length === 0,
          fields: new Map(
            Object.entries(operation.responses).map(([status, response]) => {
              const described = response && 'headers' in response ? Object.keys(response.headers ?? {}) : [];
              return [Number(status), new Set(described.map((name) => name.toLowerCase()))];
            }),
          ),
        },
      ];
    }),
  );
  const resolve: Resolve = (reference) => {
    const schema = document.components?.schemas?.[reference.split('/').at(-1) ?? ''];
    if (!schema) throw new Error(`${reference} is not in the document`);
    return schema as Schema;
  };
  return { all, resolve };
}

/** Of a body that has several, the first: it is what is shown. */
function exampleOf({ example, examples = {} }: MediaType): unknown {
  const [first] = Object.values(examples);
  return example ?? (first && 'value' in first ? first.value : undefined);
}

function lineOf(document: OpenAPIObject, path: string): { line?: Schema } {
  const [single, isBatch] = path.split(':batch');
  const body = isBatch === undefined ? undefined : document.paths[single ?? '']?.post?.requestBody;
  const schema = body && 'content' in body ? body.content['application/json']?.schema : undefined;
  return schema ? { line: schema as Schema } : {};
}
