import type { FastifyReply, FastifyRequest } from 'fastify';
import type { AnsweredProblems } from './answered-problems.js';
import type { ProblemDto } from './problem.dto.js';
import { type Problem, problems } from './problem.js';

/** Only if there is no such header yet: the cache sets its own. */
const retryAfterS = '2';

/**
 * Answers with the problem. If part of an answer was sent already, the connection is broken off: nothing else would tell the
 * caller.
 *
 * @param answered  counts the problem
 */
export function sendProblem(
  request: FastifyRequest,
  reply: FastifyReply,
  problem: Problem,
  answered: AnsweredProblems,
): void {
  if (reply.sent || reply.raw.headersSent) {
    reply.raw.destroy();
    return;
  }
  answered.add(problem.code, problem.more.cause);
  const status = problem.getStatus();
  if (status === 503 && !reply.hasHeader('retry-after')) void reply.header('retry-after', retryAfterS);
  void reply
    .headers({ 'cache-control': 'no-store', 'x-request-id': request.id, ...problem.more.headers })
    .code(status)
    .type('application/problem+json')
    .send(JSON.stringify(bodyOf(problem, pathOf(request), request.id)));
}

/** The body of the answer; what is undefined is left out. */
export function bodyOf(problem: Problem, instance: string, requestId: string): ProblemDto {
  const { title, status } = problems[problem.code];
  return {
    type: `/problems/${problem.code}`,
    title,
    status,
    detail: problem.detail,
    instance,
    code: problem.code,
    request_id: requestId,
    ...(problem.more.errors ? { errors: problem.more.errors } : {}),
  };
}

/** The path of the request, as it came, without the query. */
export function pathOf({ url }: Pick<FastifyRequest, 'url'>): string {
  return url.split('?', 1)[0] ?? '/';
}
