import {
  applyDecorators,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
  type Type,
  UseInterceptors,
} from '@nestjs/common';
import { ApiCreatedResponse, ApiOkResponse } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { tap, type Observable } from 'rxjs';

type PathOf<T> = (answer: T) => string;

const headers = {
  Location: {
    description: 'The path at which it can be read (RFC 9110 section 10.2.2)',
    schema: { type: 'string' as const },
  },
};

/** Says in `Location` where the new thing can be read; a thing that was there already was not made by this request. */
class Location<T> implements NestInterceptor<T, T> {
  constructor(private readonly pathOf: PathOf<T>) {}

  intercept(context: ExecutionContext, next: CallHandler<T>): Observable<T> {
    const reply = context.switchToHttp().getResponse<FastifyReply>();
    return next.handle().pipe(
      tap((answer) => {
        if (reply.statusCode === 201) reply.header('Location', this.pathOf(answer));
      }),
    );
  }
}

/** Documents a route that makes a new thing, which can be read at `pathOf` the answer. */
export const Created = <T extends object>(type: Type<T>, pathOf: PathOf<T>) =>
  applyDecorators(
    ApiCreatedResponse({ type, description: 'It is new', headers }),
    UseInterceptors(new Location(pathOf)),
  );

/**
 * Documents both answers of a route whose body names its own id: 201 for a new one, 200 for one that is there.
 *
 * @param pathOf  left out where no route reads it back
 */
export const CreatedOrKnown = <T extends object>(type: Type<T>, pathOf?: PathOf<T>) =>
  applyDecorators(
    pathOf ? Created(type, pathOf) : ApiCreatedResponse({ type, description: 'It is new' }),
    ApiOkResponse({ type, description: 'It was sent before, with the same content' }),
  );
