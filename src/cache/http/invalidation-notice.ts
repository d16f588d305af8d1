import { Injectable, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common';
import { defer, finalize, type Observable } from 'rxjs';
import { AsyncScope } from '../engine/async-scope.js';
import { replyOf } from './reply-of.js';
import type { Reply } from './reply.js';

const answering = new AsyncScope<Reply>();

/**
 * The interceptor of every route that may write: whatever is invalidated inside of it, in whichever provider, can be told
 * of on the answer. Routes that only read pay nothing for it.
 */
@Injectable()
export class InvalidationNotice implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    if (context.getType() !== 'http') return next.handle();
    const reply = replyOf(context.switchToHttp().getResponse());
    return defer(() => {
      const end = answering.begin();
      return answering.runPart(reply, () => next.handle()).pipe(finalize(end));
    });
  }
}

/** Says on the answer of the request in which it is called, if there is one, that others may still see what was before. */
export function announcePending(): void {
  const reply = answering.current;
  if (reply && !reply.isSent) reply.setHeader('x-cache-invalidation', 'pending');
}
