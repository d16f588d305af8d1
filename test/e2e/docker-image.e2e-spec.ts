import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { mintToken } from '../../src/access/mint-token.js';
import { readEnvironment } from '../../src/config/read-environment.js';
import { readDockerfile } from '../support/dockerfile.js';
import { createTestDatabase } from '../support/postgres.js';
import { freePort, pollUntil, required, spawnApp, waitFor200, whyNotReadOnly } from '../support/processes.js';

const stages = readDockerfile('docker/Dockerfile');
const final = stages.at(-1)!;
const last = (name: string) => final.instructions.filter((instruction) => instruction.name === name).at(-1);

/** The health check of the image, run as Docker would. */
function healthCheck(env: Record<'PORT' | 'HEALTH_PORT', string>): Promise<number | null> {
  const [, command = ''] = /^CMD\s+(.*)$/.exec(last('HEALTHCHECK')?.rest ?? '') ?? [];
  const [program = '', ...parameters] = JSON.parse(command) as string[];
  // It runs every few seconds: no Node, which takes long to start.
  expect(program).toBe('bash');
  const child = spawn(program, parameters, { env, stdio: 'ignore' });
  return new Promise((settle) => child.once('close', settle));
}

describe('docker/Dockerfile', () => {
  it('builds in stages on one exact Node 24, and refers only to stages that come before', () => {
    expect(stages.length).toBeGreaterThan(1);
    expect(stages[0]?.image).toMatch(/^node:24\.\d+\.\d+-/);
    stages.forEach(({ image, instructions }, index) => {
      const before = stages.slice(0, index).map(({ name }) => name);
      if (index > 0) expect(before).toContain(image);
      for (const { from } of instructions.map(({ options }) => options)) {
        if (from !== undefined) expect(before).toContain(from);
      }
    });
  });

  it('copies only what exists and what .dockerignore lets through', () => {
    const allowed = readFileSync('.dockerignore', 'utf8').split('\n');
    const copies = stages.flatMap(({ instructions }) => instructions).filter(({ name }) => name === 'COPY');
    for (const { options, rest } of copies) {
      if (options.from !== undefined) continue;
      for (const source of rest.split(/\s+/).slice(0, -1)) {
        expect(existsSync(source)).toBe(true);
        expect(allowed).toContain(`!${source}`);
      }
    }
  });

  it('holds packages from the lock file, without those of development', () => {
    const from = final.instructions.find(({ rest }) => rest.endsWith('./node_modules'))?.options.from;
    const packages = stages.find(({ name }) => name === from);

    expect(packages?.instructions.some(({ rest }) => /^npm ci .*--omit=dev/.test(rest))).toBe(true);
  });

  it('A36: runs as a user that is not root, by number', () => {
    expect(last('USER')?.rest).toMatch(/^[1-9]\d*:[1-9]\d*$/);
  });

  it('A36: holds no secret, and is production', () => {
    const settings = stages.flatMap(({ instructions }) =>
      instructions.filter(({ name }) => name === 'ENV' || name === 'ARG').map(({ rest }) => rest),
    );

    expect(settings).toEqual(['NODE_ENV=production']);
  });

  it('starts the service itself, not a shell that would keep signals from it', () => {
    expect(JSON.parse(last('CMD')?.rest ?? '')).toEqual(['node', 'dist/bundle/main.js']);
  });

  it.each([
    ['PORT', 200, 0],
    ['PORT', 503, 1],
    ['HEALTH_PORT', 200, 0],
    ['HEALTH_PORT', 503, 1],
  ])(
    'is healthy or not by what /health/live answers on %s: %d gives exit code %d',
    async (name, status, code) => {
      const asked: (string | undefined)[] = [];
      const server = createServer((request, response) => {
        asked.push(request.url);
        response.writeHead(status).end();
      });
      const port = await freePort();
      await new Promise<void>((settle) => server.listen(port, '127.0.0.1', settle));

      // Nobody listens on the other: where there is a port for probes, that is the one to ask.
      const env = {
        PORT: name === 'PORT' ? String(port) : '1',
        HEALTH_PORT: name === 'PORT' ? '' : String(port),
      };
      const answer = await healthCheck(env).finally(() => server.close());

      expect(answer).toBe(code);
      expect(asked).toEqual(['/health/live']);
    },
  );

  it('is not healthy when nothing listens', async () => {
    expect(await healthCheck({ PORT: String(await freePort()), HEALTH_PORT: '' })).toBe(1);
  });
});

describe('the service, as the image and the compose file run it', () => {
  const hindrance = whyNotReadOnly();
  if (hindrance !== undefined) process.stderr.write(`A36: IS NOT TESTED HERE: ${hindrance}\n`);
  const orSkip = hindrance === undefined ? it : it.skip;

  orSkip(
    'A36: reads, writes and stops as nobody, where no file can be written',
    async () => {
      const database = await createTestDatabase();
      const AUTH_JWT_SECRET = 'a-secret-of-this-test-and-nothing-else';
      const app = await spawnApp({
        readOnly: true,
        env: {
          NODE_ENV: 'production',
          DATABASE_URL: database.url,
          REDIS_URL: required('TEST_REDIS_URL'),
          CACHE_NAMESPACE: `image-${randomUUID()}:`,
          AUTH_JWT_SECRET,
          SHUTDOWN_GRACE_MS: '0',
        },
      });
      try {
        await waitFor200(app, '/health/ready', 60_000);
        expect(await healthCheck({ PORT: String(app.port), HEALTH_PORT: '' })).toBe(0);
        const wish = { role: 'admin', sub: 'someone@example.org', ttl: '1h' };
        const authorization = `Bearer ${await mintToken(readEnvironment({ AUTH_JWT_SECRET }), wish)}`;
        const stats = () => fetch(`${app.url}/api/v3/system/stats`, { headers: { authorization } });
        const written = await fetch(`${app.url}/api/v3/users`, {
          method: 'POST',
          headers: { authorization, 'content-type': 'application/json' },
          body: JSON.stringify({ user_id: 'STU001', role: 'student' }),
        });

        expect(written.status).toBe(201);
        expect(await (await stats()).json()).toMatchObject({ total_users: 1 });
        await pollUntil(async () => (await stats()).headers.get('x-cache') === 'HIT', 10_000);
        app.signal('SIGTERM');
        expect(await app.ended).toBe(0);
      } finally {
        await app.stop();
        await database.drop();
      }
    },
    120_000,
  );
});
