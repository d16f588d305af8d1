import { applyDecorators } from '@nestjs/common';
import { ApiHeader, ApiNotModifiedResponse } from '@nestjs/swagger';
import { IfMatch } from './condition.guard.js';

const text = (description: string, example: string) => ({
  description,
  schema: { type: 'string' as const },
  example,
});

/** The headers of a cached answer; the description of the API shows them with 200 and with 304. */
const headers = {
  ETag: text('Names this very body; send it back in `If-None-Match`', '"kq3Jw0yq2N3xj8cGqM0r5g"'),
  Age: {
    description: 'Seconds since the answer was made; only on a hit or a stale answer',
    schema: { type: 'integer' as const },
    example: 12,
  },
  'X-Cache': {
    description: 'Where the answer is from; `BYPASS` is one that the cache had no part in',
    schema: { type: 'string' as const, enum: ['HIT', 'MISS', 'STALE', 'BYPASS'] },
    example: 'HIT',
  },
  'Cache-Status': text('The same in detail (RFC 9211)', 'ai-native; hit; ttl=48'),
};

/** Describes the conditional requests of a route under `@Cached`: 304 without a body for the present `ETag`, else 412. */
export const CachedAnswer = () =>
  applyDecorators(
    IfMatch(
      'The `ETag` of the only answer that is wanted, in its quotes, or several with commas: 412 if it is another by now',
    ),
    ApiHeader({
      name: 'If-None-Match',
      required: false,
      description:
        'The `ETag` of the answer as the caller holds it, in its quotes, or several with commas: 304 if it is so still',
      schema: { type: 'string' },
    }),
    ApiNotModifiedResponse({ description: 'The caller holds this answer already', headers }),
  );
