import type { Subject } from './bench.js';
import { bodyOf, pathsOf } from './bodies.js';

/**
 * Asks for every body twice, so that it is cached.
 *
 * @returns the entity tags
 * @throws {Error} on bytes that are not the right ones
 */
export async function fill({ name, url }: Subject, size: number): Promise<string[]> {
  const etags: string[] = [];
  for (const turn of ['miss', 'hit']) {
    for (const [id, path] of pathsOf(size).entries()) {
      const answer = await fetch(url + path);
      if ((await answer.text()) !== bodyOf(size, id))
        throw new Error(`${name}: wrong bytes at ${path}, ${turn}`);
      etags[id] = answer.headers.get('etag') ?? '';
    }
  }
  return etags;
}
