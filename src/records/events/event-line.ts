import { validateSync } from 'class-validator';
import { inheritedName } from '../../http/inherited-name.js';
import { excessOf } from '../../http/json-body.js';
import { isFuture } from '../moments.js';
import { CreateEventDto } from './event.dto.js';
import type { Line } from './lines.js';
import type { Refusal, RefusalCode } from './refusal.js';

const maxDetailLength = 300;

/** A line of a batch: an event to write, or what is wrong with it. */
export type EventLine = { number: number } & ({ event: CreateEventDto } | { refusal: Refusal });

/** Reads one line by the rules of the DTO. */
export function readEventLine({ number, bytes }: Line): EventLine {
  const event = bytes ? eventIn(bytes) : refusal('line_too_long', 'A line holds at most 64 KiB.');
  return event instanceof CreateEventDto ? { number, event } : { number, refusal: event };
}

function eventIn(bytes: Buffer): CreateEventDto | Refusal {
  const text = decoded(bytes);
  // A line, too, costs with its fields and its depth what it costs to check them.
  const excess = text === undefined ? undefined : excessOf(text);
  if (excess !== undefined) return refusal('validation_failed', `The line ${excess}.`);
  const value = parse(text);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return refusal('invalid_json', 'The line is no JSON object in UTF-8.');
  }
  // Assigning one of these would replace what the rules are found by, or not be seen by them.
  const poison = inheritedName(value);
  if (poison !== undefined) return refusal('validation_failed', `property ${poison} should not exist`);
  const event = Object.assign(new CreateEventDto(), value);
  const errors = validateSync(event, {
    whitelist: true,
    forbidNonWhitelisted: true,
    stopAtFirstError: true,
  });
  if (errors.length > 0) {
    const sentences = errors.flatMap(({ constraints }) => Object.values(constraints ?? {}));
    return refusal('validation_failed', sentences.join('; ').slice(0, maxDetailLength));
  }
  if (isFuture(new Date(event.occurred_at))) {
    return refusal('future', 'occurred_at lies more than 5 minutes in the future.');
  }
  return event;
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

function decoded(bytes: Buffer): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}

function parse(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

function refusal(code: RefusalCode, detail: string): Refusal {
  return { code, detail };
}
