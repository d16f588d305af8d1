import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { AnsweredProblems } from './answered-problems.js';
import { refuseUnreadable } from './refuse-unreadable.js';

let server: Server;
let client: Socket;
let answered: AnsweredProblems;

beforeEach(async () => {
  server = createServer({ headersTimeout: 50, connectionsCheckingInterval: 20 });
  answered = new AnsweredProblems();
  server.on('clientError', refuseUnreadable({}, answered)).listen(0, '127.0.0.1');
  await once(server, 'listening');
});

afterEach(() => {
  client.destroy();
  server.close();
});

/** A client that keeps its side open when the server has closed its own. */
async function stubborn(beginning: string): Promise<string> {
  const closed = once(server, 'connection').then(([socket]: Socket[]) => once(socket!, 'close'));
  const { port } = server.address() as AddressInfo;
  client = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  let said = '';
  client
    .on('error', () => undefined)
    .setEncoding('latin1')
    .on('data', (text: string) => (said += text));
  client.write(beginning);
  await closed;
  return said;
}

it.each([
  ['is late', 'GET / HTTP/1.1\r\nHost: x\r\n', 408, 'request_timeout'],
  ['is no HTTP', 'nonsense\r\n\r\n', 400, 'bad_request'],
] as const)(
  'answers, counts and lets go of a client that %s, even if it never closes',
  async (_what, beginning, status, code) => {
    expect(await stubborn(beginning)).toMatch(new RegExp(`^HTTP/1\\.1 ${String(status)} `));
    expect(answered.counts.get(code)).toBe(1);
  },
);
