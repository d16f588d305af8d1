import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { type FaultProxy, startFaultProxy } from './fault-proxy.js';
import { pollUntil } from './processes.js';

/** Says back what it hears. */
let server: Server;
let serverUrl: string;
let heard: string;
let atServer: Set<Socket>;
let proxy: FaultProxy;
let clients: Client[];

beforeEach(async () => {
  [heard, atServer, clients] = ['', new Set(), []];
  server = createServer((socket) => {
    atServer.add(socket.on('error', () => undefined).on('close', () => atServer.delete(socket)));
    socket.on('data', (chunk: Buffer) => {
      heard += chunk.toString();
      socket.write(chunk);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  serverUrl = `tcp://127.0.0.1:${(server.address() as AddressInfo).port}/0`;
  proxy = await startFaultProxy(serverUrl);
});

afterEach(async () => {
  for (const client of clients) client.socket.destroy();
  await proxy.close();
  for (const socket of atServer) socket.destroy();
  server.close();
});

class Client {
  said = '';
  end: 'open' | 'closed' | 'reset' = 'open';

  private constructor(readonly socket: Socket) {
    socket
      .on('data', (chunk: Buffer) => (this.said += chunk.toString()))
      .on(
        'error',
        ({ code }: NodeJS.ErrnoException) => (this.end = code === 'ECONNRESET' ? 'reset' : this.end),
      )
      .on('close', () => (this.end = this.end === 'open' ? 'closed' : this.end));
  }

  static async connect(url = proxy.url): Promise<Client> {
    const { hostname: host, port } = new URL(url);
    const socket = connect({ host, port: Number(port), noDelay: true });
    await once(socket, 'connect');
    const client = new Client(socket);
    clients.push(client);
    return client;
  }

  say(text: string): void {
    this.socket.write(text);
  }

  /** @returns how long it took, ms */
  async hears(text: string): Promise<number> {
    const since = performance.now();
    while (!this.said.endsWith(text)) {
      if (performance.now() - since > 5000) throw new Error(`heard '${this.said}', not '${text}'`);
      await wait(1);
    }
    return performance.now() - since;
  }

  async ends(...how: ('closed' | 'reset')[]): Promise<void> {
    await pollUntil(() => this.end !== 'open', 5000);
    expect(how).toContain(this.end);
  }
}

/** For as long as ten answers take that come the straight way. */
async function quiet(): Promise<void> {
  const client = await Client.connect(serverUrl);
  for (let n = 0; n < 10; n++) {
    client.say(`${n};`);
    await client.hears(`${n};`);
  }
}

it('passes everything on when there is no fault, and counts connections', async () => {
  const [one, other] = [await Client.connect(), await Client.connect()];
  one.say('a');
  other.say('b');

  await Promise.all([one.hears('a'), other.hears('b')]);
  expect([proxy.connections(), proxy.accepted()]).toEqual([2, 2]);
  one.socket.end();
  await one.ends('closed');
  await pollUntil(() => proxy.connections() === 1 && atServer.size === 1, 5000);
  expect(proxy.accepted()).toBe(2);
  expect(new URL(proxy.url).pathname).toBe('/0');
});

it('delay: holds back what the server says, and keeps its order', async () => {
  const client = await Client.connect();
  proxy.delay(150);
  client.say('a');
  await pollUntil(() => heard === 'a', 5000);
  client.say('b');

  expect(await client.hears('ab')).toBeGreaterThan(90);
});

it('delay with a share: holds back only so many of the pieces', async () => {
  const [slow, fast] = [await Client.connect(), await Client.connect()];
  proxy.delay(300, 0.2);
  jest.spyOn(Math, 'random').mockReturnValueOnce(0.19).mockReturnValueOnce(0.21);
  slow.say('a');
  await pollUntil(() => heard === 'a', 5000);
  fast.say('b');

  await fast.hears('b');
  expect(slow.said).toBe('');
  await slow.hears('a');
  jest.restoreAllMocks();
});

it('silence of one connection: leaves it open, and the others alone', async () => {
  const [first, second] = [await Client.connect(), await Client.connect()];
  proxy.silence(1);
  first.say('a');
  second.say('b');

  await first.hears('a');
  await quiet();
  expect([second.said, second.end]).toEqual(['', 'open']);
  expect(heard).not.toContain('b');
});

it('silence of all: also of connections that come later, and of whose server is gone', async () => {
  const early = await Client.connect();
  proxy.silence();
  const late = await Client.connect();
  early.say('a');
  late.say('b');
  await pollUntil(() => atServer.size === 2, 5000);
  await quiet();
  for (const socket of atServer) socket.destroy();
  await pollUntil(() => atServer.size === 0, 5000);
  await quiet();

  expect(heard).not.toMatch(/[ab]/);
  expect([early.said, late.said, early.end, late.end]).toEqual(['', '', 'open', 'open']);
});

it('cut: breaks off when so many bytes were sent, also on connections that come later', async () => {
  const early = await Client.connect();
  const lengths = [3, 5];
  proxy.cut(() => lengths.shift()!);
  const late = await Client.connect();
  early.say('abcdef');
  late.say('abcdef');

  await Promise.all([early.ends('closed', 'reset'), late.ends('closed', 'reset')]);
  expect([early.said, late.said]).toEqual(['abc', 'abcde']);
});

it.each([
  ['before', ''],
  ['after', 'COMMIT'],
] as const)('cutAt %s: resets on whom says the text, and the server has heard "%s"', async (when, known) => {
  const [one, other] = [await Client.connect(), await Client.connect()];
  proxy.cutAt('COMMIT', when);
  other.say('b');
  await other.hears('b');
  heard = '';
  one.say('COMMIT');

  await one.ends('reset');
  expect([one.said, heard, other.end]).toEqual(['', known, 'open']);
});

it('silenceAt: is silent to whom says the text, from that on, and closes nothing', async () => {
  const [one, other] = [await Client.connect(), await Client.connect()];
  proxy.silenceAt('COMMIT');
  one.say('a');
  await one.hears('a');
  one.say('COMMIT');
  for (const text of ['b', 'bb', 'bbb']) {
    other.say('b');
    await other.hears(text);
  }

  expect([one.said, heard, one.end]).toEqual(['a', 'abbb', 'open']);
});

it('inject: puts bytes before the next that the server says, once, on connections open now', async () => {
  const early = await Client.connect();
  early.say('1');
  await early.hears('1');
  proxy.inject('@@');
  const late = await Client.connect();
  early.say('2');
  late.say('3');

  await Promise.all([early.hears('1@@2'), late.hears('3')]);
  early.say('4');
  await early.hears('@@24');
});

it('refuse: breaks every connection, and takes none until it is restored', async () => {
  const client = await Client.connect();
  await proxy.refuse();

  await client.ends('closed');
  await expect(Client.connect()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  await proxy.restore();
  const again = await Client.connect();
  again.say('a');
  await again.hears('a');
});

it('restore: ends every fault, and breaks what was silent', async () => {
  const [silent, sound] = [await Client.connect(), await Client.connect()];
  proxy.silence(0);
  proxy.delay(10_000);
  proxy.cut(() => 1);
  proxy.cutAt('a', 'before');
  proxy.silenceAt('b');
  await proxy.restore();

  await silent.ends('closed');
  sound.say('abc');
  expect(await sound.hears('abc')).toBeLessThan(5000);
  const later = await Client.connect();
  later.say('abc');
  await later.hears('abc');
  expect(sound.end).toBe('open');
});
