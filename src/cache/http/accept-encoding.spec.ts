import { acceptedCodings } from './accept-encoding.js';

describe('the codings that a client accepts', () => {
  it.each([
    [undefined, []],
    ['', []],
    ['identity', []],
    ['gzip', ['gzip']],
    ['x-gzip', ['gzip']],
    ['GZIP', ['gzip']],
    ['deflate', []],
    ['gzip, deflate, br', ['br', 'gzip']],
    ['gzip, deflate, br, zstd', ['br', 'gzip']],
    ['br;q=0.5, gzip;q=0.8', ['gzip', 'br']],
    ['br;q=0.5,gzip;q=0.5', ['br', 'gzip']],
    ['br;q=0, gzip', ['gzip']],
    ['br; q=0.000, gzip ; Q=0.001', ['gzip']],
    ['*', ['br', 'gzip']],
    ['*;q=0', []],
    ['gzip, *;q=0', ['gzip']],
    ['*, br;q=0', ['gzip']],
    ['identity;q=1, gzip;q=0.5', []],
    ['identity;q=0.5, gzip;q=0.5', ['gzip']],
    ['identity;q=0, br;q=0.1', ['br']],
    ['identity;q=0, *;q=0.5', ['br', 'gzip']],
    ['gzip;q=1.1', []],
    ['gzip;q=', []],
    ['gzip;q=yes, br', ['br']],
    ['gzip;level=9', ['gzip']],
    [',,gzip,', ['gzip']],
    [
      ['gzip', 'br'],
      ['br', 'gzip'],
    ],
  ])('%j: %j', (header, codings) => {
    expect(acceptedCodings(header)).toEqual(codings);
    expect(acceptedCodings(header)).toEqual(codings);
  });

  it('are right however many different values come', () => {
    for (let n = 0; n < 1000; n++) expect(acceptedCodings(`gzip, x-${n}`)).toEqual(['gzip']);

    expect(acceptedCodings(`${'x, '.repeat(300)}br`)).toEqual(['br']);
  });

  it.each([
    ['one', (text: string) => text],
    ['several', (text: string) => text.split(',')],
  ])('are not looked for in what is longer than anybody means, in %s', (_, sent) => {
    const longest = `br,${'x'.repeat(997)}`;

    expect(acceptedCodings(sent(longest))).toEqual(['br']);
    expect(acceptedCodings(sent(`${longest}x`))).toEqual([]);
  });
});
