import type { FastifyInstance } from 'fastify';
import { Problem } from './problem.js';

/** How deep arrays and objects may lie in each other; what this service takes is flat, but for the data of an event. */
const MAX_LEVELS = 32;

const codes = { quote: 0x22, openList: 0x5b, escape: 0x5c, closeList: 0x5d, open: 0x7b, close: 0x7d };

/**
 * Reads JSON as Fastify does by itself, but first looks how deep it is: whoever converts and checks a value walks it by
 * recursion, which for a body of 600 kB took a second.
 */
export function acceptJson(fastify: FastifyInstance): void {
  const parse = fastify.getDefaultJsonParser('error', 'error');
  fastify.addContentTypeParser<string>('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (isNestedTooDeeply(body)) done(new Problem('bad_request', 'The body is nested too deeply.'));
    else void parse(request, body, done);
  });
}

/** Whether more than 32 arrays and objects lie in each other. Of a text that is no JSON it says something, and never throws. */
export function isNestedTooDeeply(json: string): boolean {
  let levels = 0;
  for (let at = 0; at < json.length; at++) {
    const code = json.charCodeAt(at);
    if (code === codes.quote) at = endOfText(json, at);
    else if (code === codes.open || code === codes.openList) levels++;
    else if (code === codes.close || code === codes.closeList) levels--;
    if (levels > MAX_LEVELS) return true;
  }
  return false;
}

/** @param start  of its opening quote @returns where its closing quote is, or where all ends */
function endOfText(json: string, start: number): number {
  let end = start;
  do end = json.indexOf('"', end + 1);
  while (end !== -1 && isEscaped(json, end));
  return end === -1 ? json.length : end;
}

/** Whether an odd number of backslashes stands before it. */
function isEscaped(json: string, at: number): boolean {
  let first = at;
  while (json.charCodeAt(first - 1) === codes.escape) first--;
  return (at - first) % 2 === 1;
}
