/** The little that the cache needs of a response, the same on Fastify and Express. */
export interface Reply {
  readonly statusCode: number;
  getHeaders(): Readonly<Record<string, unknown>>;
  setHeader(name: string, value: string): void;
  /** Sends the answer; nothing may be sent after it. */
  end(body: Buffer): void;
}

interface FastifyReply {
  readonly raw: unknown;
  readonly statusCode: number;
  getHeaders(): Record<string, unknown>;
  header(name: string, value: string): unknown;
  send(body: Buffer): unknown;
}

/** @param response what Nest hands to guards and interceptors */
export function replyOf(response: unknown): Reply {
  return isFastify(response) ? fastify(response) : express(response as Reply);
}

function isFastify(response: unknown): response is FastifyReply {
  return typeof response === 'object' && response !== null && 'raw' in response && 'header' in response;
}

function fastify(reply: FastifyReply): Reply {
  return {
    get statusCode() {
      return reply.statusCode;
    },
    getHeaders: () => reply.getHeaders(),
    setHeader: (name, value) => void reply.header(name, value),
    end: (body) => void reply.send(body),
  };
}

function express(response: Reply): Reply {
  return {
    get statusCode() {
      return response.statusCode;
    },
    getHeaders: () => response.getHeaders(),
    setHeader: (name, value) => {
      response.setHeader(name, value);
    },
    end: (body) => {
      response.setHeader('content-length', String(body.length));
      response.end(body);
    },
  };
}
