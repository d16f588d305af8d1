import type { CallHandler, ExecutionContext } from '@nestjs/common';
import { from, lastValueFrom, type Observable } from 'rxjs';
import { deferred, turn } from '../../test/support/deferred.js';
import { HandlerLimit } from './handler-limit.interceptor.js';

let now: number;
let limit: HandlerLimit;
let asked: string[];
let begun: string[];
let mayEnter: (url: string) => Promise<unknown>;

const request = (url: string, method = 'GET') => ({ url, method, raw: { complete: true } });

const contextOf = (url: string, method?: string) =>
  ({ switchToHttp: () => ({ getRequest: () => request(url, method) }) }) as ExecutionContext;

beforeEach(() => {
  now = 10_000;
  asked = [];
  begun = [];
  mayEnter = () => Promise.resolve(true);
  limit = new HandlerLimit(1, () => now);
  limit.askAfterWaiting((context) => {
    const { url } = context.switchToHttp().getRequest<{ url: string }>();
    asked.push(url);
    return mayEnter(url);
  });
});

/** Asks, and says how it ended. */
async function ask(url: string, work: Promise<unknown> = Promise.resolve('done')): Promise<unknown> {
  const next: CallHandler = {
    handle: (): Observable<unknown> => {
      begun.push(url);
      return from(work);
    },
  };
  try {
    return await lastValueFrom(await limit.intercept(contextOf(url), next));
  } catch (error) {
    return (error as Error).message;
  }
}

/** Fills the one place, lets another wait for so long, and makes room. */
async function waitFor(ms: number): Promise<unknown> {
  const busy = deferred();
  void ask('/first', busy.promise);
  const answer = ask('/waiting');
  await turn();
  now += ms;
  busy.resolve();
  return answer;
}

it('whoever has waited for more than half a second is asked about again before anything is done for them', async () => {
  mayEnter = () => {
    expect(begun).toEqual(['/first']);
    return Promise.resolve(true);
  };

  expect(await waitFor(501)).toBe('done');
  expect([asked, begun]).toEqual([['/waiting'], ['/first', '/waiting']]);
});

it('whoever may not ask any more is refused as by a guard, and takes no place', async () => {
  mayEnter = () => Promise.reject(new Error('not any more'));

  expect(await waitFor(501)).toBe('not any more');
  expect(begun).toEqual(['/first']);
  expect(limit.load.requests).toMatchObject({ serving: 0, waiting: 0 });
  expect(await ask('/next')).toBe('done');
});

it('whoever has not waited, or for a moment only, is asked about once', async () => {
  expect(await ask('/alone')).toBe('done');
  expect(await waitFor(500)).toBe('done');

  expect(asked).toEqual([]);
});
