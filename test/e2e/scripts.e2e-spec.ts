import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';

jest.setTimeout(60_000);

const script = (name: string, ...words: string[]) =>
  spawnSync(process.execPath, [`scripts/${name}.mjs`, ...words], { encoding: 'utf8' });

describe.each(['bench', 'bench-queries', 'faults', 'fuzz', 'history'])('scripts/%s.mjs', (name) => {
  it.each(['--help', '-h'])('tells its options for %s, and does nothing else', (word) => {
    expect(script(name, word)).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^npm run (test:|bench)/),
      stderr: '',
    });
  });

  it('says what it does not know above its options, and ends with 2', () => {
    expect(script(name, '--nope')).toMatchObject({
      status: 2,
      stdout: '',
      stderr: expect.stringMatching(/^Unknown option '--nope'[^]*\n\nnpm run (test:|bench)/),
    });
  });
});

it.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const)('a script that gets %s twice tidies up once, and ends with %i', async (signal, code) => {
  const program = `
    const { endOnSignal } = await import('./scripts/end-on-signal.mjs');
    let finish;
    process.stdin.on('data', () => finish());
    endOnSignal(async (signal) => {
      console.log('tidying up after ' + signal);
      await new Promise((settle) => (finish = settle));
    });
    console.log('listening');`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let output = '';
  const ended = once(child, 'close');
  for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
    output += chunk.toString();
    if (output === 'listening\n') child.kill(signal);
    else {
      child.kill(signal);
      child.stdin.end('finish');
    }
  }

  expect(await ended).toEqual([code, null]);
  expect(output).toBe(`listening\ntidying up after ${signal}\n`);
});
