import { EPOCH } from '../engine/tags.js';
import { relayedTags } from './relayed-tags.js';

describe('what is invalidated for rows of the outbox', () => {
  const rows = (count: number) =>
    Array.from({ length: count }, (_, n) => ({ tags: ['tag/a', `tag/b:${n}`] }));

  it('is each of their tags, once', () => {
    expect(relayedTags(rows(2))).toEqual(['tag/a', 'tag/b:0', 'tag/b:1']);
    expect(relayedTags(rows(999))).toHaveLength(1000);
  });

  it('is everything where they are more than one invalidation may take', () => {
    expect(relayedTags(rows(1000))).toEqual([EPOCH]);
  });
});
