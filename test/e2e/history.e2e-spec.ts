import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join, resolve } from 'node:path';

jest.setTimeout(180_000);

const root = resolve(__dirname, '../..');

async function history(...args: string[]): Promise<{ status: number; output: string }> {
  const child = spawn(process.execPath, [join(root, 'scripts/history.mjs'), ...args], { cwd: root });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const [status] = (await once(child, 'close')) as [number];
  return { status, output };
}

describe('npm run test:history', () => {
  let broken: ReturnType<typeof history>;
  let planted: ReturnType<typeof history>;

  // Each takes most of its time to wait, so they do it together.
  beforeAll(() => {
    const nemeses =
      'redis-killed,redis-restored,redis-flushed,redis-replica,service-killed,database-connections-killed';
    // Readers rest, for other tests run beside them; the command alone takes all that the machine has.
    const readers = ['--reads', '50', '--rest', '200'];
    broken = history('--minutes', '1', '--nemesis', nemeses, ...readers);
    planted = history('--plant', 'tokens-that-return', '--rest', '50');
  });

  it('finds nothing older than what was acknowledged while Redis, a process and the database fail', async () => {
    const { status, output } = await broken;

    for (const kind of ['stale', 'future', 'crossing']) {
      expect(output).toMatch(new RegExp(`^0 ${kind}`, 'm'));
    }
    // Readers may differ about a write that is under way, but not for long: a matter of time, which only the command judges.
    const [, differed = ''] = /^(\d[\d,]*) order/m.exec(output) ?? [];
    expect(differed).toMatch(/^\d/);
    // On a busy machine Redis and the database are late now and then though nothing strikes; that, too, the command judges.
    const isCalm = !output.includes('what failed while nothing struck');
    for (const kind of ['writes pending', 'reads refused']) {
      expect(output).toMatch(new RegExp(`^\\d[\\d,]* ${kind}`, 'm'));
    }
    // Such as too few reads or hits to mean anything.
    expect([status, output]).toEqual([
      differed === '0' && isCalm ? 0 : 1,
      expect.not.stringContaining('too few'),
    ]);
    for (const line of [/^.* reads \(.*$/m, /^.* order.*$/m])
      process.stdout.write(`${line.exec(output)?.[0]}\n`);
  });

  it('finds a planted mistake', async () => {
    const { status, output } = await planted;

    expect(output).toMatch(/^tokens-that-return: found after/m);
    expect(status).toBe(0);
  });

  it('tells its options, and starts nothing when it does not know one', async () => {
    expect(await history('--help')).toMatchObject({
      status: 0,
      output: expect.stringContaining('--nemesis'),
    });
    expect(await history('--mode', 'weather')).toMatchObject({
      status: 2,
      output: expect.stringContaining("no mode 'weather'"),
    });
  });
});
