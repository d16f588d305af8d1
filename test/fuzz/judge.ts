import type { OpenAPIObject } from '@nestjs/swagger';
import { expectToMatchOpenApi, type Answer } from '../support/openapi.js';
import type { FuzzRequest } from './request-arbitrary.js';

/** What an answer does wrong. `rule` is short and stable: findings are told apart by it. */
export interface Violation {
  readonly rule: string;
  readonly detail: string;
}

/** What may come from any route, before it is known which: the document describes them as `default`. */
const everywhere = [414, 429, 431];

/** Fields that say something of an answer that its client should know to look for. */
const telling = [
  'age',
  'cache-status',
  'etag',
  'idempotency-replayed',
  'link',
  'location',
  'x-cache',
  'x-cache-invalidation',
];

const internals =
  /node_modules|\bat \S+ \(|\.[jt]s:\d+|\bSELECT\b|\bINSERT INTO\b|\brelation "|postgres(ql)?:\/\/|redis:\/\//;

/**
 * Holds an answer to the document: no server error, no status that is not named, nothing in the head or the body that is
 * not described; what fits the document is not called invalid, what does not fit is refused.
 */
export function judge(
  document: OpenAPIObject,
  request: FuzzRequest,
  answer: Answer,
  url: string,
): Violation | undefined {
  const { operation, caller, fits, fault } = request;
  const { status, text = '' } = answer;
  if (status >= 500) return { rule: `answers ${status}`, detail: text };
  if (!operation.statuses.includes(status) && !everywhere.includes(status))
    return { rule: `answers ${status}, which is not described`, detail: text };
  try {
    expectToMatchOpenApi(document, operation.method, url, answer);
  } catch (error) {
    return { rule: 'does not fit its schema', detail: (error as Error).message };
  }
  const undescribed = telling.filter(
    (name) => name in answer.headers && status < 400 && !operation.fields.get(status)?.has(name),
  );
  if (undescribed.length > 0) return { rule: `sends ${undescribed.join()}, not described`, detail: text };
  const leak = status >= 400 ? internals.exec(text) : null;
  if (leak) return { rule: 'shows its inside', detail: text };
  if (fits === 'yes' && status === 400) return { rule: 'refuses what fits the document', detail: text };
  if (fits === 'no' && status < 400) return { rule: `takes what does not fit: ${fault}`, detail: text };
  if (caller === 'nobody' && !operation.isOpen && status < 400)
    return { rule: 'answers nobody in particular', detail: text };
  return undefined;
}
