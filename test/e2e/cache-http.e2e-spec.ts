import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import {
  type CanActivate,
  Controller,
  Get,
  Header,
  Headers,
  type INestApplication,
  Injectable,
  NotFoundException,
  Param,
  Res,
  UseGuards,
} from '@nestjs/common';
import { Cached, CacheService, type CacheRequest } from '../../src/cache/index.js';
import { expectHit, expectMiss, FakeClock, simulateInstances } from '../../src/cache/testing/index.js';
import { adapters, startCachedApp } from '../support/cached-app.js';
import { rawRequest, type RawAnswer } from '../support/raw-request.js';

let runs = 0;

@Injectable()
class LetsAllThrough implements CanActivate {
  canActivate(): boolean {
    return true;
  }
}

interface Response {
  header: (name: string, value: string | string[]) => void;
}

const isTrusted = ({ headers }: CacheRequest) => {
  if (headers['x-role'] === undefined) throw new Error('no role');
  return headers['x-role'] === 'operator';
};

@Controller('answers')
class AnswersController {
  @Get('open')
  @Cached({ ttl: 60, prefix: 'open' })
  open() {
    return { run: ++runs };
  }

  @Get('unguarded')
  @Cached({ ttl: 60, prefix: 'unguarded', scope: 'shared' })
  unguarded() {
    return { run: ++runs };
  }

  @Get('unguarded-public')
  @Cached({ ttl: 60, prefix: 'unguarded_public', visibility: 'public' })
  unguardedPublic() {
    return { run: ++runs };
  }

  @Get('unguarded-private')
  @Cached({ ttl: 60, prefix: 'unguarded_private', visibility: 'private' })
  unguardedPrivate() {
    return { run: ++runs };
  }

  @Get('guarded')
  @UseGuards(LetsAllThrough)
  @Cached({ ttl: 60, prefix: 'guarded', scope: 'shared' })
  guarded() {
    return { run: ++runs };
  }

  @Get('mine')
  @Cached({ ttl: 60, prefix: 'mine', scope: 'user' })
  mine() {
    return { run: ++runs };
  }

  @Get('guarded-public')
  @UseGuards(LetsAllThrough)
  @Cached({ ttl: 60, prefix: 'guarded_public', scope: 'shared', visibility: 'public' })
  guardedPublic() {
    return { run: ++runs };
  }

  @Get('kept-by-clients')
  @Cached({ ttl: 60, prefix: 'kept_by_clients', clientMaxAge: 30, grace: '2m' })
  keptByClients() {
    return { run: ++runs };
  }

  @Get('unless-kept-by-clients')
  @Cached({ ttl: 60, prefix: 'unless_kept_by_clients', clientMaxAge: 30, unless: () => true })
  unlessKeptByClients() {
    return { run: ++runs };
  }

  @Get('ended-kept-by-clients')
  @Cached({ ttl: () => 0, prefix: 'ended_kept_by_clients', clientMaxAge: 30 })
  endedKeptByClients() {
    return { run: ++runs };
  }

  @Get('guarded-kept-by-clients')
  @UseGuards(LetsAllThrough)
  @Cached({ ttl: 60, prefix: 'guarded_kept_by_clients', scope: 'shared', clientMaxAge: 30 })
  guardedKeptByClients() {
    return { run: ++runs };
  }

  @Get('guarded-public-kept-by-clients')
  @UseGuards(LetsAllThrough)
  @Cached({
    ttl: 60,
    prefix: 'guarded_public_kept_by_clients',
    scope: 'shared',
    visibility: 'public',
    clientMaxAge: 30,
  })
  guardedPublicKeptByClients() {
    return { run: ++runs };
  }

  @Get('never-kept')
  @Header('Cache-Control', 'no-store')
  @Header('Content-Type', 'application/vnd.own+json')
  @Cached({ ttl: 60, prefix: 'never_kept' })
  neverKept() {
    return { run: ++runs };
  }

  @Get('latin')
  @Header('Content-Type', 'application/vnd.own+json; charset=ISO-8859-1; v=1')
  @Cached({ ttl: 60, prefix: 'latin' })
  latin() {
    return { name: 'é' };
  }

  @Get('typed-missing/:id')
  @Header('Content-Type', 'application/vnd.own+json; v=1')
  @Cached({ ttl: 60, prefix: 'typed_missing', negativeTtl: 5 })
  typedMissing(@Param('id') id: string) {
    if (id === 'there') return { id };
    throw new NotFoundException(`no ${id}`);
  }

  @Get('short-type')
  @Header('Content-Type', 'json')
  @Cached({ ttl: 60, prefix: 'short_type' })
  shortType() {
    return { short: true };
  }

  @Get('short-type-uncached')
  @Header('Content-Type', 'json')
  shortTypeUncached() {
    return { short: true };
  }

  @Get('no-json')
  @Header('Content-Type', 'text/csv')
  @Cached({ ttl: 60, prefix: 'no_json' })
  noJson() {
    return { run: ++runs };
  }

  @Get('no-json-uncached')
  @Header('Content-Type', 'text/csv')
  noJsonUncached() {
    return { run: ++runs };
  }

  @Get('kept-by-all')
  @Header('Cache-Control', 'public, max-age=600')
  @Cached({ ttl: 60, prefix: 'kept_by_all' })
  keptByAll() {
    return { run: ++runs };
  }

  @Get('renewable/:id')
  @Cached({ ttl: 60, prefix: 'renewable', mayBypass: isTrusted })
  renewable(@Param('id') id: string) {
    return { id, run: ++runs };
  }

  @Get('half-renewable')
  @Cached({ ttl: 60, prefix: 'half_renewable', mayBypass: (() => Promise.resolve(false)) as never })
  halfRenewable() {
    return { run: ++runs };
  }

  @Get('varied')
  @Header('Vary', 'X-Fixed')
  @Cached({ ttl: 60, prefix: 'varied' })
  varied() {
    return { run: ++runs };
  }

  @Get('large/:id')
  @Cached({ ttl: 60, prefix: 'large' })
  large(@Param('id') id: string, @Headers('accept-language') language?: string) {
    return { id, language: language ?? null, text: 'many words, the same again and again; '.repeat(100) };
  }

  @Get('small')
  @Cached({ ttl: 60, prefix: 'small' })
  small() {
    return { text: 'x'.repeat(1000) };
  }

  @Get('linked')
  @Cached({ ttl: 60, prefix: 'linked', store: { headers: ['Link', 'X-Total'] } })
  linked(@Res({ passthrough: true }) response: Response) {
    response.header('Link', ['</a>; rel="next"', '</b>; rel="last"']);
    response.header('X-Total', '7');
    return { run: ++runs };
  }

  @Get('located')
  @Cached({ ttl: 60, prefix: 'located', store: { headers: ['content-location', 'expires', 'x-total'] } })
  located(@Res({ passthrough: true }) response: Response) {
    response.header('Content-Location', '/located/1');
    response.header('Expires', 'Thu, 01 Jan 2026 00:00:00 GMT');
    response.header('X-Total', '7');
    return { run: ++runs };
  }

  @Get('dated')
  @Cached({ ttl: 60, prefix: 'dated', store: { headers: ['last-modified'] } })
  dated(@Res({ passthrough: true }) response: Response) {
    response.header('Last-Modified', 'Thu, 01 Jan 2026 00:00:00 GMT');
    return { run: ++runs };
  }

  @Get('linked-and-more')
  @Cached({ ttl: 60, prefix: 'linked_and_more', store: { headers: ['link'] } })
  linkedAndMore(@Res({ passthrough: true }) response: Response) {
    response.header('link', '</a>; rel="next"');
    response.header('x-more', 'yes');
    return { run: ++runs };
  }

  @Get('with-cookie')
  @Cached({ ttl: 60, prefix: 'with_cookie' })
  withCookie(@Res({ passthrough: true }) response: Response) {
    response.header('set-cookie', `session=${++runs}`);
    return { run: runs };
  }

  @Get('missing/:id')
  @Header('X-Own', 'always')
  @Cached({ ttl: 60, prefix: 'missing', negativeTtl: 5, grace: 60, clientMaxAge: 60 })
  missing(@Param('id') id: string, @Res({ passthrough: true }) response: Response) {
    runs++;
    if (id === 'marked') response.header('x-marked', 'yes');
    if (id === 'there') return { id };
    throw new NotFoundException({ statusCode: 404, message: `no ${id}`, hint: ['a', 1] });
  }
}

describe.each(Object.keys(adapters) as (keyof typeof adapters)[])(
  'answers of cached routes on %s',
  (adapter) => {
    let app: INestApplication;
    let url: string;
    let clock: FakeClock;
    let unscoped: string[];
    let bypassed: string[];

    beforeEach(async () => {
      runs = 0;
      unscoped = [];
      bypassed = [];
      clock = new FakeClock();
      ({ app, url } = await startCachedApp({
        adapter,
        controllers: [AnswersController],
        options: {
          clock,
          principal: ({ headers }) => headers['x-user'] as string | undefined,
          onEvent: (event) => {
            if (event.event === 'cache.scope_unknown') unscoped.push(event.method);
            if (event.event === 'cache.bypass') bypassed.push(`${event.method} ${event.reason}`);
          },
        },
        configure: (created) => {
          created.enableCors({ origin: ['http://one.example', 'http://two.example'] });
        },
      }));
    });

    afterEach(() => app.close());

    async function call(
      path: string,
      headers: Record<string, string> = {},
      method = 'GET',
    ): Promise<RawAnswer> {
      const answer = await rawRequest(`${url}/answers/${path}`, { method, headers });
      await app.get(CacheService).settle();
      return answer;
    }

    async function twice(path: string, headers?: Record<string, string>): Promise<[RawAnswer, RawAnswer]> {
      return [await call(path, headers), await call(path, headers)];
    }

    it.each([
      ['open', 'public, no-cache'],
      ['guarded', 'private, no-cache'],
      ['mine', 'private, no-cache'],
      ['guarded-public', 'public, no-cache'],
      ['kept-by-clients', 'public, max-age=30, stale-while-revalidate=120'],
      ['never-kept', 'no-store'],
    ])('say who may keep them: %s is %s', async (path, expected) => {
      const [miss, hit] = await twice(path, { 'x-user': 'ada' });

      expect([miss.headers['x-cache'], hit.headers['x-cache']]).toEqual(['MISS', 'HIT']);
      expect([miss.headers['cache-control'], hit.headers['cache-control']]).toEqual([expected, expected]);
      expect(hit.headers['content-type']).toBe(miss.headers['content-type']);
    });

    it('are what the adapter makes of an object whose type is not JSON’s, cached or not', async () => {
      const plain = await call('no-json-uncached');

      for (const { status, headers } of await twice('no-json'))
        expect([status, headers['content-type']]).toEqual([plain.status, plain.headers['content-type']]);
    });

    it.each(['unless', 'ended'])('are no client’s to keep where the route does not: %s', async (why) => {
      for (const { headers } of await twice(`${why}-kept-by-clients`))
        expect(headers).toMatchObject({ 'x-cache': 'MISS', 'cache-control': 'private, no-cache' });
    });

    it('are nobody else’s where a middleware may have looked at Authorization, unless the route says more', async () => {
      const authorization = 'Bearer one';
      for (const path of ['open', 'unguarded-private']) {
        const anonymous = await call(path);
        const answers = [
          ...(await twice(path, { authorization })),
          await call(path, { authorization, 'if-none-match': anonymous.headers.etag ?? '' }),
        ];

        expect(new Set([anonymous, ...answers].map(({ text }) => text)).size).toBe(4);
        for (const { headers } of [...answers, await call(path, { authorization }, 'HEAD')]) {
          expect(headers).toMatchObject({
            'x-cache': 'BYPASS',
            'cache-status': 'ai-native; fwd=bypass; detail=authorization',
            'cache-control': 'private, no-cache',
          });
        }
        const again = await call(path);
        expect([again.headers['x-cache'], again.text]).toEqual(['HIT', anonymous.text]);
      }
      for (const path of ['unguarded', 'unguarded-public', 'guarded', 'guarded-public']) {
        const [miss, hit] = await twice(path, { authorization });
        expect([miss.headers['x-cache'], hit.headers['x-cache']]).toEqual(['MISS', 'HIT']);
      }
      expect([...new Set(unscoped)]).toEqual([
        'AnswersController.open',
        'AnswersController.unguardedPrivate',
      ]);
    });

    it('A27: count what is not looked up, and what is made anew, by their prefix', async () => {
      await call('open', { authorization: 'Bearer one' });
      for (const headers of [{}, { 'x-user': '' }]) await call('mine', headers);
      await call('renewable/a', { 'cache-control': 'no-cache', 'x-role': 'operator' });

      const { prefixes } = app.get(CacheService).stats();
      const counts = (prefix: string) => {
        const { hits, misses, bypasses } = prefixes.get(prefix)!;
        return { hits, misses, bypasses };
      };
      expect(counts('open')).toEqual({ hits: 0, misses: 0, bypasses: 1 });
      expect(counts('mine')).toEqual({ hits: 0, misses: 0, bypasses: 2 });
      expect(counts('renewable')).toEqual({ hits: 0, misses: 1, bypasses: 0 });
      expect([prefixes.get('renewable')?.renewals, prefixes.get('open')?.renewals]).toEqual([1, 0]);
      expect(bypassed).toEqual([
        'AnswersController.open authorization',
        'AnswersController.mine nobody-to-share-with',
        'AnswersController.mine nobody-to-share-with',
      ]);
    });

    it('name Authorization in Vary where clients use them without asking, and it would make another', async () => {
      for (const path of ['kept-by-clients', 'guarded-kept-by-clients'])
        for (const { headers } of await twice(path)) expect(headers.vary).toMatch(/authorization/);
      for (const path of ['open', 'guarded', 'guarded-public-kept-by-clients'])
        for (const { headers } of await twice(path)) expect(headers.vary).not.toMatch(/authorization/);
    });

    it('have the last word on content types and Cache-Control with @Header', async () => {
      const [miss, hit] = await twice('never-kept');

      expect([miss.headers['content-type'], hit.headers['content-type']]).toEqual([
        expect.stringMatching(/^application\/vnd\.own\+json/),
        expect.stringMatching(/^application\/vnd\.own\+json/),
      ]);
    });

    it('name the character set that they are in, whatever @Header says', async () => {
      for (const { headers, text } of await twice('latin')) {
        expect(text).toBe('{"name":"é"}');
        expect(headers['content-type']).toMatch(/charset=utf-8/);
        expect(headers['content-type']).toMatch(/v=1/);
        expect(headers['content-type']).not.toMatch(/8859/);
      }
    });

    it('have the type that the adapter takes the short one of @Header for', async () => {
      const uncached = await call('short-type-uncached');

      for (const { status, text, headers } of await twice('short-type')) {
        expect([status, text]).toEqual([200, uncached.text]);
        expect(headers['content-type']?.split(';')[0]).toBe(uncached.headers['content-type']?.split(';')[0]);
      }
    });

    it.each([
      ['that there is nothing', 404, 'typed-missing/none', {}],
      ['that it is another', 412, 'typed-missing/there', { 'if-match': '"another"' }],
    ])('say in one type %s, on a miss as on a hit', async (_, expected, path, headers) => {
      const [miss, hit] = await twice(path, headers);

      expect([miss.headers['x-cache'], hit.headers['x-cache']]).toEqual(['MISS', 'HIT']);
      expect([miss.status, miss.headers['content-type']]).toEqual([
        expected,
        expect.stringMatching(/^application\/vnd\.own\+json; v="?1/),
      ]);
      expect([hit.status, hit.headers['content-type']]).toEqual([miss.status, miss.headers['content-type']]);
    });

    it('say in a 304 where the answer lies and when it expires, as RFC 9110 section 15.4.5 wants', async () => {
      const [miss] = await twice('located');
      const held = await call('located', { 'if-none-match': miss.headers.etag! });

      expect([held.status, held.headers['x-cache']]).toEqual([304, 'HIT']);
      expect(held.headers).toMatchObject({
        'content-location': '/located/1',
        expires: 'Thu, 01 Jan 2026 00:00:00 GMT',
      });
      expect(held.headers).not.toHaveProperty('x-total');
    });

    it('let nobody keep an error as they let them keep an answer', async () => {
      const { status, headers } = await call('missing/x');

      expect([status, headers['cache-control']]).toEqual([404, 'private, no-cache']);
    });

    it('are made anew for who may ask for that, and are stored for all', async () => {
      const renew = { 'cache-control': 'max-age=0, no-cache' };
      await call('renewable/a');

      const refused = await call('renewable/a', { ...renew, 'x-role': 'student' });
      const renewed = await call('renewable/a', { ...renew, 'x-role': 'operator' });
      const after = await call('renewable/a', { 'x-role': 'operator' });

      expect([refused.text, refused.headers['x-cache']]).toEqual(['{"id":"a","run":1}', 'HIT']);
      expect([renewed.text, renewed.headers['x-cache']]).toEqual(['{"id":"a","run":2}', 'MISS']);
      expect(renewed.headers['cache-status']).toBe('ai-native; fwd=request; stored');
      expect([after.text, after.headers['x-cache']]).toEqual(['{"id":"a","run":2}', 'HIT']);
    });

    it('are made past the cache, and say and count so, where that is asked for while the store is away', async () => {
      const instances = simulateInstances(1, clock);
      const other = await startCachedApp({
        adapter,
        controllers: [AnswersController],
        options: { ...instances[0], principal: () => 'ada' },
      });
      const headers = { 'cache-control': 'no-cache', 'x-role': 'operator' };
      const renew = () => rawRequest(`${other.url}/answers/renewable/a`, { headers });
      const stored = await renew();
      await other.app.get(CacheService).settle();
      instances[0]?.store.fail();

      const past = await renew();

      const { misses, bypasses, hits } = other.app.get(CacheService).stats().prefixes.get('renewable')!;
      await other.app.close();
      expect([stored.headers['x-cache'], stored.headers['cache-status']]).toEqual([
        'MISS',
        'ai-native; fwd=request; stored',
      ]);
      expect([past.status, past.text]).toEqual([200, '{"id":"a","run":2}']);
      expect([past.headers['x-cache'], past.headers['cache-status']]).toEqual([
        'BYPASS',
        'ai-native; fwd=bypass; detail=store-away',
      ]);
      expect({ misses, bypasses, hits }).toEqual({ misses: 1, bypasses: 1, hits: 0 });
    });

    it('A27: are hits whatever a client says of caches, where nobody may ask for more', async () => {
      await call('open');

      for (const value of ['no-cache', 'no-store', 'max-age=0']) {
        expectHit(await call('open', { 'cache-control': value, pragma: 'no-cache' }));
      }
      // The function throws; the other one gives a promise.
      for (const path of ['renewable/a', 'half-renewable']) {
        const failing = await twice(path, { 'cache-control': 'no-cache' });
        expect(failing.map(({ status, headers }) => [status, headers['x-cache']])).toEqual([
          [200, 'MISS'],
          [200, 'HIT'],
        ]);
      }
    });

    it('A26: are compressed from the second hit on, each client as it likes, under a tag of their own', async () => {
      const br = { 'accept-encoding': 'gzip, br' };
      const miss = await call('large/a', br);
      const first = await call('large/a', br);
      const compressed = await call('large/a', br);
      await call('large/a', { 'accept-encoding': 'gzip' });
      const gzip = await call('large/a', { 'accept-encoding': 'br;q=0.1, gzip' });
      const bare = await call('large/a');

      expect([miss, first, bare].map(({ headers }) => headers['content-encoding'])).toEqual([
        undefined,
        undefined,
        undefined,
      ]);
      expect([compressed, gzip].map(({ headers }) => headers['content-encoding'])).toEqual(['br', 'gzip']);
      expect(brotliDecompressSync(compressed.body).toString()).toBe(miss.text);
      expect(gunzipSync(gzip.body).toString()).toBe(miss.text);
      expect(bare.text).toBe(miss.text);
      for (const { headers, body } of [compressed, gzip, bare]) {
        expect(headers['content-length']).toBe(String(body.length));
        expect(headers['content-type']).toBe(miss.headers['content-type']);
      }
      expect(compressed.body.length).toBeLessThan(miss.body.length / 10);
      const tags = [compressed, gzip, bare].map(({ headers }) => headers.etag ?? '');
      expect(new Set(tags).size).toBe(3);
      for (const tag of tags) expect(tag).toMatch(/^"[\w-]+"$/);
    });

    it('A26: are 304 to who holds any form of them that they still accept', async () => {
      const br = { 'accept-encoding': 'br' };
      const bare = (await call('large/a', br)).headers.etag ?? '';
      await call('large/a', br);
      const compressed = (await call('large/a', br)).headers.etag ?? '';

      const held = async (etag: string, accepted: string) => {
        const { status, headers, body } = await call('large/a', {
          'if-none-match': etag,
          'accept-encoding': accepted,
        });
        return [status, headers.etag, body.length > 0];
      };
      expect(await held(bare, 'br')).toEqual([304, bare, false]);
      expect(await held(compressed, 'br')).toEqual([304, compressed, false]);
      expect(await held(`W/${compressed}`, 'gzip, br')).toEqual([304, compressed, false]);
      expect(await held(compressed, 'gzip')).toEqual([200, bare, true]);
      expect(await held(compressed, 'br;q=0')).toEqual([200, bare, true]);
    });

    it('A26: repeat in a 304 what the client must know of them', async () => {
      const { headers } = await call('large/a', { 'accept-language': 'de' });

      const again = await call('large/a', { 'accept-language': 'de', 'if-none-match': headers.etag ?? '' });

      expect(again.status).toBe(304);
      for (const name of ['etag', 'cache-control', 'vary']) expect(again.headers[name]).toBe(headers[name]);
      expect(again.headers['content-length'] ?? '0').toBe('0');
      expect(again.headers['content-type']).toBeUndefined();
    });

    describe('to who asks for one of them only', () => {
      const other = '"other"';

      it('A26: are 412 where they are another, on a miss as on a hit, and kept all the same', async () => {
        for (const path of ['open', 'kept-by-clients', 'kept-by-all', 'linked', 'located']) {
          const before = runs;
          const [miss, hit] = await twice(path, { 'if-match': `${other}, W/"more"` });
          const [, given] = await twice(path);

          expect([miss.status, miss.headers['x-cache']]).toEqual([412, 'MISS']);
          expect([hit.status, hit.headers['x-cache']]).toEqual([412, 'HIT']);
          expect([given.status, given.headers['x-cache'], runs]).toEqual([200, 'HIT', before + 1]);
          expect(hit.text).toBe(miss.text);
          for (const { headers } of [miss, hit]) {
            expect(headers['cache-control']).toBe('private, no-cache');
            // Express makes a tag of its own for what stands in for it.
            expect(headers.etag).not.toBe(given.headers.etag);
            for (const name of ['age', 'link', 'x-total', 'expires', 'content-location'])
              expect([path, name, headers[name]]).toEqual([path, name, undefined]);
          }
        }
      });

      it('A26: are given where they are it, by its strong tag alone', async () => {
        const etag = (await call('open')).headers.etag ?? '';

        for (const ifMatch of [etag, `${other}, ${etag}`, '*']) {
          const { status, headers, text } = await call('open', { 'if-match': ifMatch });
          expect([ifMatch, status, headers['x-cache'], text]).toEqual([ifMatch, 200, 'HIT', '{"run":1}']);
        }
        expect((await call('open', { 'if-match': `W/${etag}` })).status).toBe(412);
        expect((await call('guarded', { 'if-match': '*' })).status).toBe(200);
      });

      it('A26: are held to that before to what their client holds already', async () => {
        const etag = (await call('open')).headers.etag ?? '';
        const both = (ifMatch: string) => call('open', { 'if-match': ifMatch, 'if-none-match': etag });

        expect([(await both(other)).status, (await both(etag)).status]).toEqual([412, 304]);
      });

      it('have a HEAD that says the same', async () => {
        const heads = [
          await call('open', { 'if-match': other }, 'HEAD'),
          await call('open', { 'if-match': other }, 'HEAD'),
          await call('open', { 'if-match': '*' }, 'HEAD'),
        ];

        expect(heads.map(({ status, headers }) => [status, headers['x-cache']])).toEqual([
          [412, 'MISS'],
          [412, 'HIT'],
          [200, 'HIT'],
        ]);
        expect(heads.every(({ body }) => body.length === 0)).toBe(true);
      });

      it('are held to nothing where there is no answer, or none that is stored', async () => {
        const [miss, hit] = await twice('missing/any', { 'if-match': other });
        const [unkept] = await twice('with-cookie', { 'if-match': other });

        expect([miss.status, hit.status, hit.headers['x-cache']]).toEqual([404, 404, 'HIT']);
        expect(unkept.status).toBe(200);
      });
    });

    it('name in Vary all that may make them another, beside what others put there', async () => {
      const [miss, hit] = await twice('large/a', { origin: 'http://one.example' });
      const fixed = await twice('varied');

      for (const { headers } of [miss, hit]) {
        const names = (headers.vary ?? '').split(', ').map((name) => name.toLowerCase());
        expect(names.sort()).toEqual(['accept-encoding', 'accept-language', 'origin']);
      }
      for (const { headers } of fixed)
        expect(headers.vary?.toLowerCase()).toMatch(/accept-encoding.*x-fixed|x-fixed.*accept-encoding/);
    });

    it('stay bare where the saving is none', async () => {
      await twice('small', { 'accept-encoding': 'br, gzip' });

      expect((await call('small', { 'accept-encoding': 'br' })).headers['content-encoding']).toBeUndefined();
    });

    it('stay bare where the module says so', async () => {
      const other = await startCachedApp({
        adapter,
        controllers: [AnswersController],
        options: { compress: false, principal: () => 'ada' },
      });
      const accepted = { headers: { 'accept-encoding': 'br' } };
      for (const [path, vary] of [
        ['open', undefined],
        ['large/a', 'accept-language'],
      ] as const) {
        // Elsewhere compressed from the second hit on.
        for (const outcome of ['MISS', 'HIT', 'HIT', 'HIT']) {
          const { headers, text } = await rawRequest(`${other.url}/answers/${path}`, accepted);
          await other.app.get(CacheService).settle();
          expect([headers['x-cache'], headers['content-encoding'], headers.vary]).toEqual([
            outcome,
            undefined,
            vary,
          ]);
          expect(() => void JSON.parse(text)).not.toThrow();
        }
      }
      await other.app.close();
    });

    it('have a HEAD with the length that GET would have', async () => {
      const br = { 'accept-encoding': 'br' };
      const miss = await call('large/h', {}, 'HEAD');
      const [, get] = await twice('large/a', br);
      const head = await call('large/a', {}, 'HEAD');
      await call('large/a', br);
      const [compressed, compressedHead] = [await call('large/a', br), await call('large/a', br, 'HEAD')];
      const unchanged = await call('large/a', { 'if-none-match': get.headers.etag ?? '' }, 'HEAD');

      expect([miss.status, miss.headers['x-cache'], miss.body.length]).toEqual([200, 'MISS', 0]);
      expect([head.status, head.headers['x-cache'], head.body.length]).toEqual([200, 'HIT', 0]);
      expect(head.headers['content-length']).toBe(String(get.body.length));
      expect(compressedHead.headers['content-length']).toBe(String(compressed.body.length));
      expect(compressedHead.headers['content-encoding']).toBe('br');
      expect([unchanged.status, unchanged.body.length]).toEqual([304, 0]);
    });

    it('keep the headers that the route names, and are not stored with any other', async () => {
      const [miss, hit] = await twice('linked');
      const [first, second] = await twice('linked-and-more');

      expect([hit.headers['x-cache'], hit.text]).toEqual(['HIT', miss.text]);
      for (const { headers } of [miss, hit]) {
        expect([headers.link, headers['x-total']]).toEqual(['</a>; rel="next", </b>; rel="last"', '7']);
      }
      expect([second.headers['x-cache'], second.text]).toEqual(['MISS', '{"run":3}']);
      expect([first.headers['x-more'], second.headers['x-more']]).toEqual(['yes', 'yes']);
    });

    it('are given on a miss as on a hit to who asks by date: two writes of one second have the same', async () => {
      const [miss, hit] = await twice('dated', { 'if-modified-since': 'Thu, 01 Jan 2026 00:00:00 GMT' });

      expect([miss.status, miss.headers['x-cache'], miss.text]).toEqual([200, 'MISS', '{"run":1}']);
      expect([hit.status, hit.headers['x-cache'], hit.text]).toEqual([200, 'HIT', '{"run":1}']);
    });

    it('A25: are never stored with a cookie', async () => {
      const [first, second] = await twice('with-cookie');

      expect([first.headers['set-cookie'], second.headers['set-cookie']]).toEqual([
        ['session=1'],
        ['session=2'],
      ]);
      expectMiss(second);
    });

    it('keep that there is nothing, where the route says so, for as long as it says', async () => {
      const miss = await call('missing/x');
      clock.advance(2000);
      const hit = await call('missing/x');
      // Nobody else is to keep it: it ends when the thing is made.
      expect([miss, hit].map(({ headers }) => headers['cache-control'])).toEqual(
        Array(2).fill('private, no-cache'),
      );
      clock.advance(6000);
      const later = await call('missing/x');
      const [, there] = await twice('missing/there');
      const marked = await twice('missing/marked');

      expect([miss.status, hit.status, later.status]).toEqual([404, 404, 404]);
      expect(miss.text).toBe('{"statusCode":404,"message":"no x","hint":["a",1]}');
      expect([hit.text, hit.headers['content-type']]).toEqual([miss.text, miss.headers['content-type']]);
      expect([miss, hit, later].map(({ headers }) => headers['x-cache'])).toEqual(['MISS', 'HIT', 'MISS']);
      expect(miss.headers['cache-status']).toBe('ai-native; fwd=miss; stored');
      expect([miss, hit].map(({ headers }) => headers['x-own'])).toEqual(['always', 'always']);
      expect(hit.headers.age).toBe('2');
      expectHit(there);
      expect(marked.map(({ status, headers }) => [status, headers['x-cache'], headers['x-marked']])).toEqual([
        [404, 'MISS', 'yes'],
        [404, 'MISS', 'yes'],
      ]);
      expect(marked[0].headers['cache-status']).toBe('ai-native; fwd=miss');
      expect(runs).toBe(5);
    });
  },
);
