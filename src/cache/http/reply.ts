/** The little that the cache needs of a response, the same on Fastify and Express. */
export interface Reply {
  readonly statusCode: number;
  getHeaders(): Readonly<Record<string, unknown>>;
  setHeader(name: string, value: string): void;
  setStatus(status: number): void;
  /** Sends the answer; nothing may be sent after it. */
  end(body: Buffer | undefined): void;
}

interface FastifyReply {
  readonly raw: unknown;
  readonly statusCode: number;
  getHeaders(): Record<string, unknown>;
  header(name: string, value: string): unknown;
  status(code: number): unknown;
  send(body: Buffer | undefined): unknown;
}

/** @param response what Nest hands to guards and interceptors */
export function replyOf(response: unknown): Reply {
  return isFastify(response) ? fastify(response) : express(response as ExpressResponse);
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
    setStatus: (status) => void reply.status(status),
    end: (body) => void reply.send(body),
  };
}

interface ExpressResponse extends Omit<Reply, 'setStatus'> {
  statusCode: number;
}

function express(response: ExpressResponse): Reply {
  return {
    get statusCode() {
      return response.statusCode;
    },
    getHeaders: () => response.getHeaders(),
    setHeader: (name, value) => {
      response.setHeader(name, value);
    },
    setStatus: (status) => {
      response.statusCode = status;
    },
    end: (body) => {
      if (body) response.setHeader('content-length', String(body.length));
      response.end(body);
    },
  };
}
