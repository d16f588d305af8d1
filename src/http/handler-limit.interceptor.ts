import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { finalize, type Observable } from 'rxjs';
import type { AdmissionQueue } from './admission-queue.js';
import { isOperational } from './operational.js';

const reads = new Set(['GET', 'HEAD']);

/**
 * Lets no more requests at a time reach their handlers than the queue serves; see {@link AdmissionQueue} for the others.
 * Hits of the cache, and those who wait for the run of another, come to no interceptor.
 */
export class HandlerLimit implements NestInterceptor {
  /**
   * @param queue    for all others
   * @param uploads  for requests whose handlers read a body that is still on its way: how long that takes is up to the client
   */
  constructor(
    private readonly queue: AdmissionQueue,
    private readonly uploads: AdmissionQueue,
  ) {}

  intercept(
    context: ExecutionContext,
    next: CallHandler,
  ): Observable<unknown> | Promise<Observable<unknown>> {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    if (isOperational(request)) return next.handle();
    const isRead = reads.has(request.method);
    const queue = isRead || request.raw.complete ? this.queue : this.uploads;
    const serve = () =>
      next.handle().pipe(
        finalize(() => {
          queue.leave();
        }),
      );
    return queue.enter(isRead ? 'read' : 'write')?.then(serve) ?? serve();
  }
}
