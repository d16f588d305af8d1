import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { finalize, type Observable } from 'rxjs';
import { AdmissionQueue } from './admission-queue.js';
import { isOperational } from './operational.js';

const reads = new Set(['GET', 'HEAD']);

/**
 * Lets no more than so many requests at a time reach their handlers; see {@link AdmissionQueue} for the others.
 * Hits of the cache, and those who wait for the run of another, come to no interceptor.
 */
export class HandlerLimit implements NestInterceptor {
  readonly #requests: AdmissionQueue;
  /** For requests whose handlers read a body that is still on its way: how long that takes is up to the client. */
  readonly #uploads: AdmissionQueue;

  /** @param max  how many are served at a time; of uploads a quarter as many besides */
  constructor(max: number) {
    this.#requests = new AdmissionQueue(max);
    this.#uploads = new AdmissionQueue(Math.ceil(max / 4));
  }

  /** How many are being served, and how many wait for that. */
  get load(): Readonly<
    Record<'requests' | 'uploads', { readonly serving: number; readonly waiting: number }>
  > {
    return { requests: this.#requests, uploads: this.#uploads };
  }

  /** @throws {Problem} `overloaded` if one more that reads would be refused */
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
