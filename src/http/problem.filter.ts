import { type ArgumentsHost, Catch, type ExceptionFilter, Logger } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { problemOf } from './problem-of.js';
import type { ProblemDto } from './problem.dto.js';
import { Problem, problems } from './problem.js';
import type { RouteTable } from './route-table.js';

const retryAfterS = '2';

/** Turns whatever was thrown, by us, by Nest or by Fastify, into `application/problem+json`. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  readonly #logger = new Logger('Http');

  constructor(private readonly routes: RouteTable) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const request = host.switchToHttp().getRequest<FastifyRequest>();
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    const problem = request.is404 ? this.#unrouted(request) : problemOf(error);
    const status = problem.getStatus();

    if (status >= 500 && !(error instanceof Problem)) this.#log(error, problem, request);
    if (reply.sent || reply.raw.headersSent) {
      // Half an answer is out already: only breaking it off tells the caller.
      reply.raw.destroy();
      return;
    }
    if (status === 503) void reply.header('retry-after', retryAfterS);
    void reply
      .headers({ 'cache-control': 'no-store', 'x-request-id': request.id, ...problem.more.headers })
      .code(status)
      .type('application/problem+json')
      .send(JSON.stringify(bodyOf(problem, pathOf(request), request.id)));
  }

  #unrouted(request: FastifyRequest): Problem {
    const allowed = this.routes.methodsOf(pathOf(request));
    if (allowed.length === 0) return new Problem('not_found', 'There is no such path.');
    return new Problem('method_not_allowed', `This path answers to ${allowed.join(', ')}.`, {
      headers: { allow: allowed.join(', ') },
    });
  }

  #log(error: unknown, problem: Problem, request: FastifyRequest): void {
    const { name, stack, code } = (
      error instanceof Error ? error : new Error(typeof error)
    ) as NodeJS.ErrnoException;
    this.#logger.error({
      event: 'request.failed',
      message: `❌ ${request.method} ${pathOf(request)} failed: ${problem.code} (${code ?? name})`,
      request_id: request.id,
      error_code: code ?? name,
      ...(problem.code === 'internal_error' ? { stack } : {}),
    });
  }
}

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

function pathOf(request: FastifyRequest): string {
  return request.url.split('?', 1)[0] ?? '/';
}
