import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import type { AnsweredProblems } from './answered-problems.js';
import { Problem, type ProblemCode, problems } from './problem.js';
import { bodyOf } from './send-problem.js';

const codes: Readonly<Record<string, ProblemCode>> = {
  HPE_HEADER_OVERFLOW: 'headers_too_large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
};

/** How long the connection stays open after the answer: enough to read it, and not for ever. */
const lingerMs = 1000;

/**
 * Answers what Node's parser could not read as a request, which no filter ever sees, and closes the connection.
 *
 * @param headers   those of every answer
 * @param answered  counts the problems
 */
export function refuseUnreadable(
  headers: Readonly<Record<string, string>>,
  answered: AnsweredProblems,
): (error: NodeJS.ErrnoException, socket: Socket) => void {
  const fixed = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  return (error, socket) => {
    refuse(error, socket, fixed, answered);
  };
}

function refuse(
  error: NodeJS.ErrnoException,
  socket: Socket,
  headers: readonly string[],
  answered: AnsweredProblems,
): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const code = codes[error.code ?? ''] ?? 'bad_request';
  answered.add(code);
  const { status, title } = problems[code];
  const requestId = randomUUID();
  const body = JSON.stringify(bodyOf(new Problem(code, `${title}.`), '/', requestId));
  const head = [
    `HTTP/1.1 ${status} ${title}`,
    'content-type: application/problem+json; charset=utf-8',
    `content-length: ${Buffer.byteLength(body)}`,
    `x-request-id: ${requestId}`,
    'cache-control: no-store',
    'connection: close',
    ...headers,
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
  // Not at once: what the client still sends would cause a reset, by which it could lose the answer.
  const linger = setTimeout(() => socket.destroy(), lingerMs).unref();
  socket.once('close', () => {
    clearTimeout(linger);
  });
}
