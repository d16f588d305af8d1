import { isNativeError } from 'node:util/types';
import type { LoggerService } from '@nestjs/common';
import { logLevels, type LogLevel } from '../config/environment.js';
import { logCatalogue, type LogEvent, type LogFields } from './log-catalogue.js';
import { masker, oneLine, stackWithoutWords } from './safe-text.js';

export interface AppLoggerOptions {
  /** Least important lines to write */
  level: LogLevel;
  format: 'text' | 'json';
  /** Values that must never be written */
  secrets?: readonly string[];
  /** Receives whole lines, newline included. Default: standard output */
  write?: (line: string) => void;
  now?: () => Date;
  /** Id of the request that a line is about, for JSON; default: none */
  requestId?: () => string | undefined;
}

const names: Readonly<Record<LogLevel, string>> = {
  error: 'ERROR',
  warn: 'WARNING',
  info: 'INFO',
  debug: 'DEBUG',
};

/** Loggers of Nest that tell of every module and route it loads, which is of no use to those who run the service. */
const chatter = new Set([
  'InstanceLoader',
  'RoutesResolver',
  'RouterExplorer',
  'NestFactory',
  'NestApplication',
]);

/**
 * Writes one line a record: `text` as `HH:MM:SS - LEVEL - text` in UTC, `json` as one object. Takes plain texts,
 * and objects with `event` (see the catalogue) or `message` and further fields.
 */
export class AppLogger implements LoggerService {
  readonly #threshold: number;
  readonly #format: 'text' | 'json';
  readonly #mask: (text: string) => string;
  readonly #write: (line: string) => void;
  readonly #now: () => Date;
  readonly #requestId: () => string | undefined;

  constructor({ level, format, secrets = [], write, now, requestId }: AppLoggerOptions) {
    this.#threshold = logLevels.indexOf(level);
    this.#format = format;
    this.#mask = masker(secrets);
    this.#write = write ?? ((line) => process.stdout.write(line));
    this.#now = now ?? (() => new Date());
    this.#requestId = requestId ?? (() => undefined);
  }

  isEnabled(level: LogLevel): boolean {
    return logLevels.indexOf(level) <= this.#threshold;
  }

  /** Writes the catalogue's line for the event, at the catalogue's level. */
  event(event: LogEvent, fields: LogFields = {}): void {
    const { level, emoji, text } = logCatalogue[event];
    if (this.isEnabled(level)) this.#put(level, `${emoji} ${text(fields)}`, { event, ...fields });
  }

  log(message: unknown, ...rest: unknown[]): void {
    this.#take('info', message, rest);
  }

  error(message: unknown, ...rest: unknown[]): void {
    this.#take('error', message, rest);
  }

  fatal(message: unknown, ...rest: unknown[]): void {
    this.#take('error', message, rest);
  }

  warn(message: unknown, ...rest: unknown[]): void {
    this.#take('warn', message, rest);
  }

  debug(message: unknown, ...rest: unknown[]): void {
    this.#take('debug', message, rest);
  }

  verbose(message: unknown, ...rest: unknown[]): void {
    this.#take('debug', message, rest);
  }

  /** Nest passes the message, then (for errors) a stack, and last the name of the logger. */
  #take(level: LogLevel, message: unknown, rest: unknown[]): void {
    const context = rest.at(-1);
    if (level === 'info' && typeof context === 'string' && chatter.has(context)) return;
    if (isRecord(message) && isLogEvent(message.event)) {
      const { event, ...fields } = message;
      this.event(event, fields);
      return;
    }
    if (!this.isEnabled(level)) return;

    const stack = isNativeError(message) ? stackWithoutWords(message) : rest.find(isStack);
    const fields = {
      ...(typeof context === 'string' && !isStack(context) ? { context } : {}),
      ...(stack === undefined ? {} : { stack }),
    };
    if (isNativeError(message)) this.#put(level, message.name, fields);
    else if (isRecord(message)) {
      const { message: text, ...more } = message;
      this.#put(level, typeof text === 'string' ? text : 'no message', { ...fields, ...more });
    } else this.#put(level, String(message), fields);
  }

  #put(level: LogLevel, text: string, fields: Readonly<Record<string, unknown>>): void {
    const line =
      this.#format === 'json' ? this.#asJson(level, text, fields) : this.#asText(level, text, fields);
    this.#write(`${line}\n`);
  }

  #asText(level: LogLevel, text: string, { stack, request_id }: Readonly<Record<string, unknown>>): string {
    const time = this.#now().toISOString().slice(11, 19);
    const request = typeof request_id === 'string' ? ` [${request_id}]` : '';
    const line = oneLine(this.#mask(`${time} - ${names[level]} - ${text}${request}`));
    if (typeof stack !== 'string') return line;
    return [line, ...framesOf(stack).map((frame) => oneLine(this.#mask(frame)))].join('\n');
  }

  #asJson(level: LogLevel, text: string, fields: Readonly<Record<string, unknown>>): string {
    const record: Record<string, unknown> = {
      time: this.#now().toISOString(),
      level,
      message: text,
      request_id: this.#requestId(),
      ...fields,
    };
    if (typeof record.stack === 'string') record.stack = framesOf(record.stack).join('\n');
    const safe = (_key: string, value: unknown) => {
      if (typeof value === 'string') return oneLine(this.#mask(value));
      return typeof value === 'bigint' ? String(value) : value;
    };
    try {
      return JSON.stringify(record, safe);
    } catch {
      // A field contains itself.
      return JSON.stringify({ time: record.time, level, message: text }, safe);
    }
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isNativeError(value);
}

function isLogEvent(value: unknown): value is LogEvent {
  return typeof value === 'string' && Object.hasOwn(logCatalogue, value);
}

function isStack(value: unknown): value is string {
  return typeof value === 'string' && /\n\s+at /.test(value);
}

/** The frames of a stack, without the exception's text, which may hold anything. */
function framesOf(stack: string): string[] {
  return stack.split('\n').filter((frame) => frame.startsWith('    at '));
}
