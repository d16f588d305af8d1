import { isNativeError } from 'node:util/types';
import { type ArgumentsHost, Catch, type ExceptionFilter, Logger } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { DatabaseOutage } from '../database/database-outage.js';
import { databaseReason } from '../database/database-reason.js';
import { stackWithoutWords } from '../telemetry/safe-text.js';
import type { AnsweredProblems } from './answered-problems.js';
import { problemOf } from './problem-of.js';
import { Problem } from './problem.js';
import type { RouteTable } from './route-table.js';
import { pathOf, sendProblem } from './send-problem.js';

/** PostgreSQL's code for a statement that was ended by `statement_timeout`. */
const QUERY_CANCELED = '57014';

/** Turns whatever was thrown, by us, by Nest or by Fastify, into `application/problem+json`. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  readonly #logger = new Logger('Http');

  constructor(
    private readonly routes: RouteTable,
    private readonly answered: AnsweredProblems,
    private readonly outage: DatabaseOutage,
  ) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const request = host.switchToHttp().getRequest<FastifyRequest>();
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    const isRouted = !request.is404 || error instanceof Problem;
    const problem = isRouted ? problemOf(error) : this.#unrouted(request);
    if (problem.getStatus() >= 500 && !(error instanceof Problem)) this.#log(error, problem, request);
    sendProblem(request, reply, problem, this.answered);
  }

  #unrouted(request: FastifyRequest): Problem {
    const allowed = this.routes.methodsOf(pathOf(request));
    if (allowed.length === 0) return new Problem('not_found', 'There is no such path.');
    return new Problem('method_not_allowed', `This path answers to ${allowed.join(', ')}.`, {
      headers: { allow: allowed.join(', ') },
    });
  }

  #log(error: unknown, problem: Problem, request: FastifyRequest): void {
    const failure: NodeJS.ErrnoException = isNativeError(error) ? error : new Error(typeof error);
    const { name, code } = failure;
    const record = {
      event: 'request.failed',
      message: `❌ ${request.method} ${pathOf(request)} failed: ${problem.code} (${code ?? name})`,
      request_id: request.id,
      error_code: code ?? name,
    };
    // Not a line for each request: one tells of the database for all, and all other refusals are logged as a number.
    const reason = databaseReason(error);
    // A statement that takes too long concerns one caller: the database is there.
    if (problem.code === 'database_unavailable' && reason !== QUERY_CANCELED) this.outage.found(reason);
    if (problem.code === 'internal_error')
      this.#logger.error({ ...record, stack: stackWithoutWords(failure) });
    else this.#logger.debug(record);
  }
}
