import { codedTag, entityTag, isAskedFor, matchedTag } from './entity-tag.js';

const etag = entityTag(Buffer.from('body'));
const brotli = codedTag(etag, 'br');
const gzip = codedTag(etag, 'gzip');

describe('entity tags', () => {
  it('are strong, and differ by body and by coding', () => {
    expect(etag).toMatch(/^"[\w-]{22}"$/);
    expect(entityTag(Buffer.from('body'))).toBe(etag);
    expect(new Set([etag, brotli, gzip, entityTag(Buffer.from('other'))]).size).toBe(4);
    expect(entityTag(Buffer.from('body'), { link: '</a>' })).not.toBe(etag);
    expect(brotli).toMatch(/^"[\w-]{22}-br"$/);
  });

  it.each([
    ['absent', undefined, undefined],
    ['another', '"other"', undefined],
    ['the same', etag, etag],
    ['weak, compared weakly', `W/${etag}`, etag],
    ['in a list', `"other", W/"more" , ${etag}`, etag],
    ['in two headers', ['"other"', etag], etag],
    ['any', '*', etag],
    ['any, with spaces', ' * ', etag],
    ['any in a list, which is no syntax', '"other", *', undefined],
    ['without quotes', etag.slice(1, -1), undefined],
    ['a longer one', `${etag.slice(0, -1)}x"`, undefined],
    ['of an accepted coding', brotli, brotli],
    ['weak of an accepted coding', `W/${brotli}`, brotli],
    ['of a coding that is not accepted', gzip, undefined],
    ['of both', `${brotli}, ${etag}`, etag],
    ['a long list', `${'"x", '.repeat(3000)}${etag}`, etag],
    ['a long list without it', '"x", '.repeat(3000), undefined],
  ])('If-None-Match %s', (_, header, held) => {
    expect(matchedTag(header, etag, ['br'])).toBe(held);
  });

  it.each([
    ['another', '"other"', false],
    ['the same', etag, true],
    ['weak, compared strongly', `W/${etag}`, false],
    ['in a list', `"other", W/"more" , ${etag}`, true],
    ['weak and strong in one list', `W/${etag}, ${etag}`, true],
    ['in two headers', ['"other"', etag], true],
    ['any', ' * ', true],
    ['any in a list, which is no syntax', '"other", *', false],
    ['empty', '', false],
    ['without quotes', etag.slice(1, -1), false],
    ['of an accepted coding', brotli, true],
    ['of a coding that is not accepted', gzip, false],
    ['a long list without it', '"x", '.repeat(3000), false],
  ])('If-Match %s', (_, header, isMet) => {
    expect(isAskedFor(header, etag, ['br'])).toBe(isMet);
  });
});
