import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { finalize, type Observable } from 'rxjs';
import { AdmissionQueue } from './admission-queue.js';
import { isOperational } from './operational.js';

const reads = new Set(['GET', 'HEAD']);

/**
 * Bounds how many requests are in their handlers at a time; what becomes of the others says {@link AdmissionQueue}. Hits of
 * the cache, and requests that wait for another's run, reach no interceptor and so do not count.
 */
export class HandlerLimit implements NestInterceptor {
  readonly #requests: AdmissionQueue;
  /** Requests whose handlers read a body that is still arriving, apart: how long that takes is up to the client. */
  readonly #uploads: AdmissionQueue;

  /** @param max  how many are served at a time; besides, a quarter as many uploads */
  constructor(max: number) {
    this.#requests = new AdmissionQueue(max);
    this.#uploads = new AdmissionQueue(Math.ceil(max / 4));
  }

  get load(): Readonly<
    Record<'requests' | 'uploads', { readonly serving: number; readonly waiting: number }>
  > {
    return { requests: this.#requests, uploads: this.#uploads };
  }

  /** @throws {Problem} `overloaded` if one more read would be refused */
  check(): void {
    this.#requests.check('read');
  }

  intercept(
    context: ExecutionContext,
    next: CallHandler,
  ): Observable<unknown> | Promise<Observable<unknown>> {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    if (isOperational(request)) return next.handle();
    const isRead = reads.has(request.method);
    const queue = isRead || request.raw.complete ? this.#requests : this.#uploads;
    const serve = () =>
      next.handle().pipe(
        finalize(() => {
          queue.leave();
        }),
      );
    return queue.enter(isRead ? 'read' : 'write')?.then(serve) ?? serve();
  }
}
