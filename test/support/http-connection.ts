import { connect, type Socket } from 'node:net';

export interface HttpAnswer {
  readonly status: number;
  /** Status line and headers, in lower case. */
  readonly head: string;
  readonly body: string;
}

interface Question {
  readonly resolve: (answer: HttpAnswer) => void;
  readonly reject: (error: Error) => void;
}

const END_OF_HEAD = '\r\n\r\n';

/**
 * A connection that is kept and asks one thing at a time, for a tenth of what `node:http` costs: what the clients use
 * is taken from the service. Knows answers with `Content-Length` only.
 */
export class HttpConnection {
  readonly #patienceMs: number;
  #socket: Socket | undefined;
  #port = 0;
  #question: Question | undefined;
  #received = '';

  /** @param patienceMs how long an answer is waited for; between two questions it is kept for as long as the other side does */
  constructor(patienceMs: number) {
    this.#patienceMs = patienceMs;
  }

  /**
   * Connects anew if that is not where it is connected to.
   *
   * @throws {Error} if no whole answer came; an answer that comes later reaches nobody
   */
  ask(port: number, method: 'GET' | 'POST', path: string, json = ''): Promise<HttpAnswer> {
    if (port !== this.#port) this.close();
    return new Promise((resolve, reject) => {
      this.#question = { resolve, reject };
      const socket = (this.#socket ??= this.#connect(port)).setTimeout(this.#patienceMs);
      const type = json === '' ? '' : 'content-type: application/json\r\n';
      const length = method === 'POST' ? `content-length: ${Buffer.byteLength(json)}\r\n` : '';
      socket.write(`${method} ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\n${type}${length}\r\n${json}`);
    });
  }

  close(): void {
    this.#drop(new Error('closed'));
  }

  #connect(port: number): Socket {
    this.#port = port;
    this.#received = '';
    const socket = connect({ port, host: '127.0.0.1', noDelay: true }).setEncoding('latin1');
    const drop = (error?: Error) => {
      // It may have been replaced since.
      if (this.#socket === socket) this.#drop(error ?? new Error('the connection ended'));
    };
    return socket
      .on('timeout', () => {
        drop(new Error('no answer in time'));
      })
      .on('data', (chunk: string) => {
        if (this.#socket === socket) this.#take(chunk);
      })
      .on('error', drop)
      .on('close', () => {
        drop();
      });
  }

  #take(chunk: string): void {
    this.#received += chunk;
    const endOfHead = this.#received.indexOf(END_OF_HEAD);
    if (endOfHead < 0) return;
    const head = this.#received.slice(0, endOfHead).toLowerCase();
    const length = /\r\ncontent-length: *(\d+)/.exec(head)?.[1];
    if (length === undefined) {
      this.#drop(new Error('an answer without a length'));
      return;
    }
    const from = endOfHead + END_OF_HEAD.length;
    const to = from + Number(length);
    if (this.#received.length < to) return;
    const answer = { status: Number(head.slice(9, 12)), head, body: this.#received.slice(from, to) };
    const isMore = this.#received.length > to;
    this.#received = '';
    const question = this.#question;
    this.#question = undefined;
    this.#socket?.setTimeout(0);
    // Whose answer is the rest?
    if (isMore || head.includes('\r\nconnection: close')) this.close();
    question?.resolve(answer);
  }

  #drop(error: Error): void {
    const [socket, question] = [this.#socket, this.#question];
    this.#socket = undefined;
    this.#question = undefined;
    socket?.destroy();
    question?.reject(error);
  }
}
