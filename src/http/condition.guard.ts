import { applyDecorators, type CanActivate, type ExecutionContext, SetMetadata } from '@nestjs/common';
import type { Reflector } from '@nestjs/core';
import { ApiHeader } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { isOperational } from './operational.js';
import { PerRoute } from './per-route.js';
import { Problem } from './problem.js';

const WEIGHS_IF_MATCH = Symbol('weighs If-Match');

/** For a route that compares `If-Match` with an `ETag` of its own; also describes the header. */
export const IfMatch = (description: string, more: { required?: true; example?: string } = {}) =>
  applyDecorators(
    SetMetadata(WEIGHS_IF_MATCH, true),
    ApiHeader({ name: 'If-Match', required: false, description, schema: { type: 'string' }, ...more }),
  );

/** Methods that need something there already: nothing is created at an address that the caller chooses. */
const changing = new Set(['PUT', 'PATCH', 'DELETE']);

/**
 * Refuses requests whose condition cannot be met: `If-Match` with a tag where there is no `ETag`, and `If-None-Match: *` on a
 * change of something. Their senders want the request done only on that condition (RFC 9110, 13.1.1 and 13.1.2). Unlike
 * 13.2.1, it does not look first whether there is anything: nothing is done either way.
 */
export class ConditionGuard implements CanActivate {
  readonly #weighs: PerRoute<boolean>;

  constructor(reflector: Reflector) {
    this.#weighs = new PerRoute(
      (places) => reflector.getAllAndOverride<true | undefined>(WEIGHS_IF_MATCH, places) ?? false,
    );
  }

  /** @throws {Problem} `precondition_failed` */
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const { 'if-match': ifMatch, 'if-none-match': ifNoneMatch } = request.headers;
    if (ifMatch !== undefined && !isAny(ifMatch) && !this.#weighs.of(context) && !isOperational(request))
      throw new Problem('precondition_failed', 'Nothing here has an ETag that If-Match could name.');
    if (ifNoneMatch !== undefined && isAny(ifNoneMatch) && changing.has(request.method))
      throw new Problem('precondition_failed', 'If-None-Match says that there must be nothing here.');
    return true;
  }
}

function isAny(tags: string): boolean {
  return tags.split(',').some((tag) => tag.trim() === '*');
}
