import { readEnvironment } from '../../src/config/read-environment.js';
import { TokenVerifier } from '../../src/access/token.verifier.js';
import { runCli } from '../support/run-cli.js';

const AUTH_JWT_SECRET = 's3cr3t-CANARY-of-32-bytes-or-more';
const words = ['--role', 'teacher', '--sub', 'TEACH001'];
const token = (args: string[], env: Record<string, string>) => runCli('access/token.cli.js', args, env);

describe('npm run token', () => {
  it('prints the token and nothing else', async () => {
    const { code, stdout, stderr } = await token(words, { AUTH_JWT_SECRET });

    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const verifier = new TokenVerifier(readEnvironment({ AUTH_JWT_SECRET }));
    await expect(verifier.verify(stdout.trim())).resolves.toEqual({ sub: 'TEACH001', role: 'teacher' });
  });

  it.each([
    ['without a secret', words, {}, /AUTH_JWT_SECRET is not set/],
    [
      'in production',
      words,
      { AUTH_JWT_SECRET, NODE_ENV: 'production', DATABASE_URL: 'postgres://h/x' },
      /not in production/,
    ],
    ['in production without anything else', words, { NODE_ENV: 'production' }, /not in production/],
    ['with a secret that is too short', words, { AUTH_JWT_SECRET: 'short' }, /AUTH_JWT_SECRET must be/],
    ['without a role', ['--sub', 'TEACH001'], { AUTH_JWT_SECRET }, /--role must be one of/],
    ['with an unknown option', [...words, '--admin'], { AUTH_JWT_SECRET }, /Unknown option '--admin'/],
  ])('%s says so, shows its usage and fails', async (_, args, env, line) => {
    const { code, stdout, stderr } = await token(args, env);

    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toMatch(line);
    expect(stderr).toContain('npm run -s token --');
    expect(stderr).not.toMatch(/CANARY|\n {4}at /);
  });

  it('--help is no failure', async () => {
    const { code, stdout } = await token(['--help'], {});

    expect(code).toBe(0);
    expect(stdout).toContain('--ttl');
  });
});
