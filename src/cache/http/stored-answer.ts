import { PreconditionFailedException } from '@nestjs/common';
import type { CacheRequest } from '../definition/cache-request.js';
import type { KeptAnswer } from '../engine/cache-entry.js';
import type { Coding } from './accept-encoding.js';
import { codedTag, isAskedFor, matchedTag } from './entity-tag.js';
import type { Reply } from './reply.js';
import type { RouteHeaders } from './route-headers.js';

/** A body in a content coding. */
export interface CompressedForm {
  readonly coding: Coding;
  readonly body: Buffer;
}

/** A 304 says these, too, as the 200 would. RFC 9110 section 15.4.5 */
const OF_NOT_MODIFIED: ReadonlySet<string> = new Set(['content-location', 'expires']);

/** A kept answer, ready to be sent: what is the same for each client is prepared once. */
export class StoredAnswer {
  /** As text if it is short: Node then writes it in one piece with the headers. */
  readonly body: Buffer | string;
  /** Compressed forms, once they are ready. `'none'`: it is being made, or was not worth keeping. */
  readonly compressed: Partial<Record<Coding, CompressedForm | 'none'>> = {};
  readonly #etag: string;
  readonly #type: string;
  readonly #headers: readonly (readonly [name: string, value: string])[];
  readonly #ofNotModified: readonly (readonly [name: string, value: string])[];

  constructor({ body, text, head: { etag = '', 'content-type': type = '', ...headers } }: KeptAnswer) {
    this.body = text ?? body;
    this.#etag = etag;
    this.#type = type;
    this.#headers = Object.entries(headers);
    this.#ofNotModified = this.#headers.filter(([name]) => OF_NOT_MODIFIED.has(name));
  }

  /**
   * Weighs the conditions of the request, `If-Match` first. Makes the reply a 304, if the client has this answer already.
   *
   * @returns whether the reply is a 304
   * @throws {PreconditionFailedException} where the client asks for another answer only
   * @see RFC 9110 section 13.2.2
   */
  evaluatePreconditions(
    request: CacheRequest,
    reply: Reply,
    headers: RouteHeaders,
    codings = headers.codings(request),
  ): boolean {
    const ifMatch = request.headers['if-match'];
    if (ifMatch !== undefined && !isAskedFor(ifMatch, this.#etag, codings)) {
      headers.withholdAnswer(reply);
      throw new PreconditionFailedException();
    }
    const matched = matchedTag(request.headers['if-none-match'], this.#etag, codings);
    if (matched === undefined) return false;
    for (const [name, value] of this.#ofNotModified) headers.setStored(reply, name, value);
    reply.setHeader('etag', matched);
    reply.setStatus(304);
    return true;
  }

  /** Writes what belongs to the body: `ETag`, content headers, and those that the route stores. */
  describe(reply: Reply, headers: RouteHeaders, coding?: Coding): void {
    headers.setType(reply, this.#type);
    for (const [name, value] of this.#headers) headers.setStored(reply, name, value);
    reply.setHeader('etag', coding ? codedTag(this.#etag, coding) : this.#etag);
    if (coding) reply.setHeader('content-encoding', coding);
  }
}
