import { type ArgumentMetadata, Injectable, ValidationPipe, type ValidationError } from '@nestjs/common';
import { inheritedName } from './inherited-name.js';
import { Problem, type ProblemPart } from './problem.js';

const most = 50;

/** Prefixes of pointers by the part of the request; a JSON pointer into the body has none. */
const prefixes: Readonly<Record<ArgumentMetadata['type'], string>> = {
  body: '',
  query: '/query',
  param: '/path',
  header: '/header',
  custom: '',
} as Readonly<Record<ArgumentMetadata['type'], string>>;

/** Validates what comes in by its DTO. What a DTO does not declare is an error. */
@Injectable()
export class RequestValidationPipe extends ValidationPipe {
  constructor() {
    super({
      transform: true,
      whitelist: true,
      forbidNonWhitelisted: true,
      forbidUnknownValues: true,
      stopAtFirstError: true,
      exceptionFactory: (errors) => new InvalidParts(errors.flatMap((error) => partsOf(error, ''))),
    });
  }

  /** @throws {Problem} `validation_failed`, naming at most 50 parts */
  override async transform(value: unknown, metadata: ArgumentMetadata): Promise<unknown> {
    // Nest's pipe would take a missing body or null for an empty object, validate each element of a list, and point into
    // values that have no fields.
    if (metadata.type === 'body' && !isObject(value))
      throw new Problem('validation_failed', 'The body must be a JSON object.', {
        errors: [{ pointer: '', code: 'object', detail: 'the body must be a JSON object' }],
      });
    // Nest's pipe would join all values of such a parameter to one text.
    if (metadata.type === 'query' && metadata.data !== undefined && Array.isArray(value))
      throw new Problem('validation_failed', 'A parameter came more than once.', {
        errors: [
          {
            pointer: `/query/${metadata.data}`,
            code: 'once',
            detail: `${metadata.data} must be given once`,
          },
        ],
      });
    try {
      refuseInherited(value);
      return await super.transform(value, metadata);
    } catch (error) {
      if (!(error instanceof InvalidParts)) throw error;
      const prefix = prefixes[metadata.type];
      throw new Problem('validation_failed', 'Some values do not fit; `errors` names them.', {
        errors: error.parts.slice(0, most).map((part) => ({ ...part, pointer: prefix + part.pointer })),
      });
    }
  }
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function refuseInherited(value: unknown): void {
  const name = typeof value === 'object' && value !== null ? inheritedName(value) : undefined;
  if (name === undefined) return;
  throw new InvalidParts([
    { pointer: `/${name}`, code: 'unknown', detail: `property ${name} should not exist` },
  ]);
}

class InvalidParts extends Error {
  constructor(readonly parts: ProblemPart[]) {
    super('invalid');
  }
}

function partsOf(
  { property, constraints = {}, children = [] }: ValidationError,
  parent: string,
): ProblemPart[] {
  const pointer = `${parent}/${property.slice(0, 100).replaceAll('~', '~0').replaceAll('/', '~1')}`;
  const own = Object.entries(constraints).map(([rule, detail]) => ({
    pointer,
    code: snakeCase(rule),
    detail: detail.slice(0, 300),
  }));
  return [...own, ...children.flatMap((child) => partsOf(child, pointer))];
}

/** `isInt` → `int`, `maxLength` → `max_length`, `whitelistValidation` → `unknown`. */
function snakeCase(rule: string): string {
  if (rule === 'whitelistValidation') return 'unknown';
  return rule
    .replace(/^is(?=[A-Z])/, '')
    .replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
    .replace(/^_/, '');
}
