import type { HttpAnswer, HttpConnection } from '../support/http-connection.js';
import type { Operation } from './operation.js';
import { pathOf, type Question, type RouteAnswer, type Versioned } from './routes.js';

type Answered = Pick<Operation, 'version' | 'of' | 'ofUser' | 'also' | 'cache' | 'isPending'>;
type Refused = Required<Pick<Operation, 'refusedWith'>>;
/** `undefined`: nobody knows what became of it. */
type Outcome = Answered | Refused | undefined;

/** Stands for the key and the version in an answer that names none. */
const FOREIGN = -1;

/** Never rejects. */
export async function readFrom(
  connection: HttpConnection,
  port: number,
  question: Question,
): Promise<Outcome> {
  const answer = await connection.ask(port, 'GET', pathOf(question)).catch(() => undefined);
  if (!answer || answer.status >= 300) return unanswered(answer);
  const cache = /\r\nx-cache: *(\w+)/.exec(answer.head)?.[1];
  return {
    ...whatIsSaid(question, parsed<RouteAnswer>(answer.body)),
    ...(cache === undefined ? {} : { cache: cache.toUpperCase() }),
  };
}

/** Never rejects. */
export async function writeTo(connection: HttpConnection, port: number, key: number): Promise<Outcome> {
  const answer = await connection.ask(port, 'POST', `/versions/${key}`).catch(() => undefined);
  if (!answer || answer.status >= 300) return unanswered(answer);
  const written = parsed<Versioned>(answer.body);
  // It came whole, but is none of ours: the write behind it may have happened.
  if (!isVersioned(written)) return undefined;
  return {
    of: written.key,
    version: written.version,
    ...(answer.head.includes('\r\nx-cache-invalidation: pending') ? { isPending: true } : {}),
  };
}

function unanswered(answer: HttpAnswer | undefined): Refused | undefined {
  return answer && { refusedWith: answer.status };
}

/** It came whole, so it is an answer, but may be none of ours, or one of another route. */
export function whatIsSaid(
  { route, other }: Pick<Question, 'route' | 'other'>,
  answer: Partial<RouteAnswer> | undefined,
): Answered {
  if (answer?.route !== route || !isVersioned(answer)) return { of: FOREIGN, version: FOREIGN };
  const { key, version, user, other: also = { key: FOREIGN, version: FOREIGN } } = answer;
  return {
    of: key,
    version,
    ...(user === undefined ? {} : { ofUser: user }),
    ...(other === undefined ? {} : { also: { key: other, of: also.key, version: also.version } }),
  };
}

function parsed<T>(text: string): Partial<T> | undefined {
  try {
    return JSON.parse(text) as Partial<T>;
  } catch {
    return undefined;
  }
}

function isVersioned<T extends Partial<Versioned>>(answer: T | undefined): answer is T & Versioned {
  return Number.isInteger(answer?.key) && Number.isInteger(answer?.version);
}
