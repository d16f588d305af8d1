// What the user of Redis may do that docs/REDIS_INTEGRATION.md recommends: the tests give the service no more.
import { readFileSync } from 'node:fs';

const document = new URL('../docs/REDIS_INTEGRATION.md', import.meta.url);

/**
 * The rights as they stand there, and the same keys and channels under any namespace, as parameters of `ACL SETUSER`.
 *
 * @returns {string[]}
 */
export function documentedRights() {
  const [, rights] = /^user app on >PASSWORD (.*)$/m.exec(readFileSync(document, 'utf8')) ?? [];
  if (rights === undefined) throw new Error('docs/REDIS_INTEGRATION.md recommends no user of Redis');
  return rights
    .split(' ')
    .flatMap((word) => (/^[~&]/.test(word) ? [word, `${word[0]}*:${word.slice(1)}`] : word));
}
