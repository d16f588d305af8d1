import type { ServerResponse } from 'node:http';
import {
  type CanActivate,
  Controller,
  type ExecutionContext,
  Get,
  type INestApplication,
  Query,
  Res,
  UseGuards,
} from '@nestjs/common';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { Cached, CacheService } from '../../src/cache/index.js';
import { expectMiss, FakeClock } from '../../src/cache/testing/index.js';
import { startCachedApp } from '../support/cached-app.js';

interface HeaderResponse {
  header(name: string, value: string): void;
}

type AnyResponse = FastifyReply | (ServerResponse & { raw?: never });

/** Beside those that are there, on either adapter. */
function addCookie(response: AnyResponse, cookie: string): void {
  if (response.raw) void response.header('set-cookie', cookie);
  else response.appendHeader('set-cookie', cookie);
}

/** As a guard does that keeps a session and a preference. */
const setsCookies: CanActivate = {
  canActivate(context: ExecutionContext): boolean {
    const response = context.switchToHttp().getResponse<AnyResponse>();
    for (const cookie of ['a=1', 'b=2']) addCookie(response, cookie);
    return true;
  },
};

@Controller()
class PagesController {
  @Get('kept-by-clients')
  @Cached({ ttl: 60, scope: 'shared', visibility: 'public', clientMaxAge: 60 })
  keptByClients() {
    return { is: 'public' };
  }

  @Get('said-so')
  @Cached({ ttl: 60, scope: 'shared', visibility: 'public' })
  saidSo(@Res({ passthrough: true }) response: HeaderResponse) {
    response.header('cache-control', 'no-store');
    return { is: 'nobody’s' };
  }

  @Get('said-for')
  @Cached({ ttl: 60, scope: 'shared', visibility: 'public', clientMaxAge: 60 })
  saidFor(@Query('value') value: string, @Res({ passthrough: true }) response: HeaderResponse) {
    response.header('cache-control', value);
    return { is: 'somebody’s' };
  }

  @Get('made-out')
  @UseGuards(setsCookies)
  @Cached({ ttl: 60, scope: 'shared' })
  madeOut(@Res({ passthrough: true }) response: AnyResponse) {
    const csrf = String(++sent);
    addCookie(response, `csrf=${csrf}`);
    return { csrf };
  }

  @Get('made-out-later')
  @UseGuards(setsCookies)
  @Cached({ ttl: 60, scope: 'shared' })
  madeOutLater(@Res({ passthrough: true }) response: AnyResponse) {
    const csrf = isMadeOut ? String(++sent) : 'none';
    if (isMadeOut) addCookie(response, `csrf=${csrf}`);
    return { csrf };
  }

  @Get('asked-for')
  @Cached({ ttl: 60, scope: 'shared', visibility: 'public' })
  askedFor() {
    return { is: 'public' };
  }
}

let sent = 0;
let isMadeOut = false;

/** As `@fastify/cookie` does: what `setCookie` is given goes out with the answer. */
function withCookies(fastify: FastifyInstance): void {
  const cookies = new WeakMap<object, string>();
  fastify.decorateReply('setCookie', function (this: FastifyReply, name: string, value: string) {
    cookies.set(this, `${name}=${value}`);
    return this;
  } as never);
  fastify.addHook('onRequest', (request, reply, done) => {
    if (request.headers['x-visitor'] !== undefined) {
      (reply as unknown as { setCookie(name: string, value: string): void }).setCookie(
        'visitor',
        `${++sent}`,
      );
    }
    done();
  });
  fastify.addHook('onSend', (_, reply, payload, done) => {
    const cookie = cookies.get(reply);
    if (cookie !== undefined) void reply.header('Set-Cookie', cookie);
    done(null, payload);
  });
}

/** As a hook does that keeps a session by itself. */
function withHook(fastify: FastifyInstance): void {
  fastify.addHook('onSend', (request, reply, payload, done) => {
    if (request.headers['x-visitor'] !== undefined) void reply.header('Set-Cookie', `visitor=${++sent}`);
    done(null, payload);
  });
}

/** The same, past Fastify. */
function withRawHook(fastify: FastifyInstance): void {
  fastify.addHook('onSend', (request, reply, payload, done) => {
    if (request.headers['x-visitor'] !== undefined) reply.raw.appendHeader('Set-Cookie', `visitor=${++sent}`);
    done(null, payload);
  });
}

type Session = (
  request: { headers: Record<string, unknown> },
  response: ServerResponse,
  next: () => void,
) => void;

/** As sessions of Express do: they write their cookie with the head. */
const withSession: Session = (request, response, next) => {
  const write = response.writeHead.bind(response) as (...head: unknown[]) => ServerResponse;
  response.writeHead = (...head: unknown[]) => {
    if (request.headers['x-visitor'] !== undefined) response.setHeader('Set-Cookie', `visitor=${++sent}`);
    return write(...head);
  };
  next();
};

/** As `on-headers` does, which many of them use: the fields of the head are set before the cookie is. */
const withSessionOnHeaders: Session = (request, response, next) => {
  const write = response.writeHead.bind(response);
  response.writeHead = ((status: number, fields: Record<string, string> = {}) => {
    for (const [name, value] of Object.entries(fields)) response.setHeader(name, value);
    if (request.headers['x-visitor'] !== undefined) response.setHeader('Set-Cookie', `visitor=${++sent}`);
    return write(status);
  }) as typeof response.writeHead;
  next();
};

type Configure = (app: INestApplication) => void;
const plugin =
  (add: (fastify: FastifyInstance) => void): Configure =>
  (made) => {
    add(made.getHttpAdapter().getInstance() as FastifyInstance);
  };
const middleware =
  (session: Session): Configure =>
  (made) =>
    void made.use(session);

describe.each<['fastify' | 'express', string, Configure]>([
  ['fastify', 'a cookie plugin', plugin(withCookies)],
  ['fastify', 'a hook', plugin(withHook)],
  ['fastify', 'a hook that goes past it', plugin(withRawHook)],
  ['fastify', 'a session', middleware(withSession)],
  ['fastify', 'a session by on-headers', middleware(withSessionOnHeaders)],
  ['express', 'a session', middleware(withSession)],
  ['express', 'a session by on-headers', middleware(withSessionOnHeaders)],
])('a cookie that goes out late on %s, from %s', (adapter, _, configure) => {
  let app: INestApplication;
  let url: string;
  let clock: FakeClock;

  beforeAll(async () => {
    clock = new FakeClock();
    ({ app, url } = await startCachedApp({
      adapter,
      controllers: [PagesController],
      options: { clock },
      configure,
    }));
  });
  afterAll(() => app.close());

  it.each(['/kept-by-clients', '/asked-for'])(
    'makes the answer private, and no other one: %s',
    async (path) => {
      const seen: (string | null)[][] = [];
      for (const headers of [{ 'x-visitor': 'a' }, { 'x-visitor': 'b' }, {}] as Record<string, string>[]) {
        const answer = await fetch(url + path, { headers });
        await app.get(CacheService).settle();
        seen.push(['x-cache', 'cache-control'].map((name) => answer.headers.get(name)));
        expect(answer.headers.has('set-cookie')).toBe('x-visitor' in headers);
      }

      expect(seen.map(([, control]) => control)).toEqual([
        'private, no-cache',
        'private, no-cache',
        path === '/asked-for' ? 'public, no-cache' : 'public, max-age=60',
      ]);
      expect(seen[2]![0]).toBe('HIT');
    },
  );

  it('is noticed beside those that a guard has set: what is made out to one caller is nobody else’s', async () => {
    const seen = [];
    for (let n = 0; n < 3; n++) {
      const answer = await fetch(`${url}/made-out`);
      const { csrf } = (await answer.json()) as { csrf: string };
      await app.get(CacheService).settle();
      seen.push(answer.headers.get('x-cache'));
      expect(answer.headers.getSetCookie()).toEqual(['a=1', 'b=2', `csrf=${csrf}`]);
    }

    expect(seen).toEqual(['MISS', 'MISS', 'MISS']);
  });

  it('is noticed also behind the answer', async () => {
    const ask = async () => {
      const answer = await fetch(`${url}/made-out-later`);
      const { csrf } = (await answer.json()) as { csrf: string };
      await app.get(CacheService).settle();
      return [answer.headers.get('x-cache'), csrf, answer.headers.getSetCookie()];
    };
    isMadeOut = false;
    await ask();
    isMadeOut = true;
    clock.advance(50_000);

    // Due, and refreshed behind it; the next one is not due again so soon.
    for (let n = 0; n < 2; n++) expect(await ask()).toEqual(['HIT', 'none', ['a=1', 'b=2']]);
  });

  it('leaves what the handler says of keeping it', async () => {
    const answer = await fetch(`${url}/said-so`, { headers: { 'x-visitor': 'a' } });

    expect(answer.headers.has('set-cookie')).toBe(true);
    expect(answer.headers.get('cache-control')).toBe('no-store');
  });

  it.each(['private, no-cache', 'public, no-cache', 'private', 'public, max-age=60'])(
    'leaves an answer unkept of which the handler says that itself: %s',
    async (value) => {
      for (let n = 0; n < 2; n++) {
        const answer = await fetch(`${url}/said-for?value=${value}`);

        expect(answer.headers.get('cache-control')).toBe(value);
        expectMiss(answer);
        expect(answer.headers.get('cache-status')).toContain('detail=header');
      }
    },
  );
});
