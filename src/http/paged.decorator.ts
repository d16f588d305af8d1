import {
  Injectable,
  UseInterceptors,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { tap, type Observable } from 'rxjs';

interface Page {
  next_cursor: string | null;
}

/** Adds `Link: <...>; rel="next"` (RFC 8288): the request's own address with the next cursor. */
@Injectable()
export class NextPageLink implements NestInterceptor<Page, Page> {
  intercept(context: ExecutionContext, next: CallHandler<Page>): Observable<Page> {
    const http = context.switchToHttp();
    const { url } = http.getRequest<FastifyRequest>();
    const reply = http.getResponse<FastifyReply>();
    return next.handle().pipe(
      tap(({ next_cursor }) => {
        if (next_cursor !== null) reply.header('Link', `<${withCursor(url, next_cursor)}>; rel="next"`);
      }),
    );
  }
}

/** For a route that answers `{ data, next_cursor }`. */
export const Paged = () => UseInterceptors(NextPageLink);

function withCursor(url: string, cursor: string): string {
  const [path = '', query = ''] = url.split('?', 2);
  const parameters = new URLSearchParams(query);
  parameters.set('cursor', cursor);
  return `${path}?${parameters.toString()}`;
}
