import 'reflect-metadata';
import { plainToInstance } from 'class-transformer';
import { getMetadataStorage, validateSync } from 'class-validator';
import { ConfigurationError, type BadVariable, type Variables } from './configuration-error.js';
import { contradictions, omissions } from './contradictions.js';
import { Environment } from './environment.js';

/** The names of all variables, in the order of {@link Environment}. */
export const variableNames: readonly string[] = [
  ...new Set(
    getMetadataStorage()
      .getTargetValidationMetadatas(Environment, '', false, false)
      .map(({ propertyName }) => propertyName),
  ),
];

export interface Use {
  /** Whether the process serves callers, and so needs a way to check them. Default: true */
  readonly isServing?: boolean;
  /** Whether it works on a database, which in production it must be told of. Default: as `isServing` */
  readonly usesDatabase?: boolean;
}

/**
 * Turns variables into settings. An empty variable counts as absent, as compose files pass them so.
 *
 * @throws {ConfigurationError}
 */
export function readEnvironment(
  variables: Variables,
  { isServing = true, usesDatabase = isServing }: Use = {},
): Environment {
  const given = Object.fromEntries(
    variableNames.flatMap((name) => {
      const value = variables[name]?.trim();
      return value ? [[name, value]] : [];
    }),
  );
  const stage = stageOf(given);
  const environment = plainToInstance(Environment, {
    ...defaultsOf(stage, given),
    ...given,
    NODE_ENV: stage,
  });

  const invalid = validateSync(environment).map(({ property, constraints = {} }): BadVariable => ({
    name: property,
    wrong: Object.values(constraints)[0] ?? 'is not valid',
  }));
  const isValid = ({ name }: BadVariable) => !invalid.some((other) => other.name === name);
  const missing = omissions(environment, given, { isServing, usesDatabase });
  const bad = [...invalid, ...[...missing, ...contradictions(environment, given)].filter(isValid)];
  if (bad.length > 0) throw new ConfigurationError(bad);
  return Object.freeze(environment);
}

function stageOf({ NODE_ENV, ENVIRONMENT }: Variables): string {
  const named = [NODE_ENV, ENVIRONMENT].map((stage) => stage?.toLowerCase());
  return named.includes('production') ? 'production' : (NODE_ENV ?? ENVIRONMENT ?? 'development');
}

/** Defaults that depend on other variables. */
function defaultsOf(stage: string, { DEBUG }: Variables): Record<string, string> {
  if (stage !== 'production') return {};
  const isDebugging = DEBUG !== undefined && /^(true|1|yes|on)$/i.test(DEBUG);
  return {
    LOG_LEVEL: isDebugging ? 'debug' : 'info',
    LOG_FORMAT: 'json',
    SHUTDOWN_GRACE_MS: '5000',
    RATE_LIMIT_ENABLED: 'true',
    API_DOCS_ENABLED: 'false',
    DEMO_DATA: 'none',
  };
}
