import { readFileSync } from 'node:fs';
import { parse } from 'yaml';

interface ComposeService {
  image?: string;
  build?: { context: string; dockerfile: string };
  command?: string[];
  environment?: Record<string, string>;
  volumes?: string[];
  mem_limit?: string;
  stop_grace_period?: string;
  ports?: string[];
  healthcheck?: { test: string[]; interval: string; timeout: string; retries: number };
  depends_on?: Record<string, { condition: string }>;
  logging?: { driver: string };
  user?: string;
  cap_drop?: string[];
  security_opt?: string[];
}

interface ComposeFile {
  services: Record<string, ComposeService>;
  volumes: Record<string, null>;
}

/**
 * Reads a compose file as Docker does: YAML, then `${NAME}`, `${NAME:-default}` and `${NAME:?complaint}`.
 *
 * @throws {Error} `NAME: complaint` when a variable that must be set is not
 */
export function readComposeFile(path: string, variables: Readonly<Record<string, string>>): ComposeFile {
  return interpolate(parse(readFileSync(path, 'utf8')), variables) as ComposeFile;
}

function interpolate(value: unknown, variables: Readonly<Record<string, string>>): unknown {
  if (typeof value === 'string') return interpolateText(value, variables);
  if (Array.isArray(value)) return value.map((item) => interpolate(item, variables));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, interpolate(item, variables)]));
}

function interpolateText(text: string, variables: Readonly<Record<string, string>>): string {
  return text.replace(/\$\{(\w+)(?::([-?])([^}]*))?\}/g, (_, name: string, sign?: string, rest = '') => {
    const value = variables[name];
    if (value) return value;
    if (sign === '?') throw new Error(`${name}: ${String(rest)}`);
    return sign === '-' ? String(rest) : '';
  });
}

const texts = { type: 'array', items: { type: 'string' }, minItems: 1 };
const textMap = { type: 'object', additionalProperties: { type: 'string' } };
const duration = { type: 'string', pattern: '^[0-9]+(ms|s|m)$' };
const size = { type: 'string', pattern: '^[0-9]+[kmg]b?$' };
const health = {
  type: 'object',
  required: ['test', 'interval', 'timeout', 'retries'],
  additionalProperties: false,
  properties: {
    test: { ...texts, contains: { enum: ['CMD', 'CMD-SHELL'] } },
    interval: duration,
    timeout: duration,
    start_period: duration,
    retries: { type: 'integer', minimum: 1 },
  },
};
const service = {
  type: 'object',
  additionalProperties: false,
  oneOf: [{ required: ['image'] }, { required: ['build'] }],
  properties: {
    image: { type: 'string', pattern: '^[a-z0-9/._-]+:[a-z0-9._-]+$' },
    build: {
      type: 'object',
      required: ['context', 'dockerfile'],
      additionalProperties: false,
      properties: { context: { type: 'string' }, dockerfile: { type: 'string' } },
    },
    user: { type: 'string', pattern: '^[a-z]+$' },
    command: texts,
    environment: textMap,
    ports: { type: 'array', items: { type: 'string', pattern: '^([0-9.]+:)?[0-9]+:[0-9]+$' } },
    volumes: { type: 'array', items: { type: 'string', pattern: '^[a-z_]+:/[a-z/]+$' } },
    depends_on: {
      type: 'object',
      additionalProperties: {
        type: 'object',
        required: ['condition'],
        additionalProperties: false,
        properties: {
          condition: { enum: ['service_started', 'service_healthy', 'service_completed_successfully'] },
        },
      },
    },
    healthcheck: health,
    mem_limit: size,
    pids_limit: { type: 'integer', minimum: 1 },
    shm_size: size,
    read_only: { type: 'boolean' },
    tmpfs: texts,
    cap_drop: texts,
    security_opt: texts,
    stop_grace_period: duration,
    logging: {
      type: 'object',
      required: ['driver'],
      additionalProperties: false,
      properties: { driver: { enum: ['local', 'json-file'] } },
    },
    restart: { enum: ['no', 'always', 'on-failure', 'unless-stopped'] },
  },
};

/** The part of the Compose Specification that the files here use; whatever else they say is an error. */
export const composeSchema = {
  type: 'object',
  required: ['services'],
  additionalProperties: false,
  properties: {
    name: { type: 'string', pattern: '^[a-z0-9][a-z0-9_-]*$' },
    services: { type: 'object', additionalProperties: service },
    volumes: { type: 'object', additionalProperties: { type: 'null' } },
  },
};
