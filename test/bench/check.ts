import { setTimeout as wait } from 'node:timers/promises';
import { startAutocannon, Subject } from './bench.js';
import { bodyOf, built, pathOf, sizes } from './bodies.js';
import { contenders, type ContenderName } from './contenders.js';
import { tried } from './scenarios/promises.js';
import { startSource } from './source.js';
import { ask } from './trials.js';

/**
 * Starts every contender and looks at what it serves, and whether from its cache; then measures one for a moment.
 *
 * @returns how many there are
 * @throws {Error} naming the first that does not do as it should
 */
export async function check(redisUrl: string): Promise<number> {
  const names = Object.keys(contenders) as ContenderName[];
  for (const name of names) {
    const server = await contenders[name].start(redisUrl, name);
    try {
      for (const size of sizes) await mustServe(name, server.url, size);
      if (!name.startsWith('uncached')) await mustCache(name, server.url);
      for (const size of sizes) await mustServe(name, server.url, size);
    } finally {
      await server.close();
    }
  }
  for (const name of tried) await mustForget(name, redisUrl);
  await measureOne(redisUrl);
  return names.length;
}

/** Not at once: nobody waits for Redis at start, and answers are stored behind the requests. */
async function mustCache(name: ContenderName, url: string): Promise<void> {
  const path = pathOf(sizes[0], 7);
  for (let tries = 0; tries < 100; tries++) {
    const before = built.count;
    await (await fetch(url + path)).text();
    if (built.count === before) return;
    await wait(20);
  }
  throw new Error(`${name}: ${path} is not cached`);
}

async function mustServe(name: ContenderName, url: string, size: number): Promise<void> {
  const path = pathOf(size, 7);
  const answer = await fetch(url + path);
  const body = await answer.text();
  if (answer.status !== 200 || body !== bodyOf(size, 7)) {
    throw new Error(`${name}: wrong bytes at ${path}: ${answer.status} ${body.slice(0, 100)}`);
  }
}

/** What is tried of a cache: it keeps a thing, and a write makes what is kept of it unusable. */
async function mustForget(name: ContenderName, redisUrl: string): Promise<void> {
  const source = await startSource();
  const server = await contenders[name].start(redisUrl, name, source.url);
  try {
    const before = await ask('GET', server.url, 'thing');
    const written = await ask('POST', server.url, 'thing');
    const after = await ask('GET', server.url, 'thing');
    const seen = [before, written, after].map((answer) => answer?.version);
    if (seen.join() !== '0,1,1') throw new Error(`${name}: a write is not seen: ${seen.join()}`);
  } finally {
    await server.close();
    source.close();
  }
}

async function measureOne(redisUrl: string): Promise<void> {
  const subject = await Subject.start('limit', redisUrl);
  const { generator, stop } = startAutocannon();
  try {
    const { answers } = await generator.run({
      url: subject.url,
      requests: [{ path: pathOf(300, 7) }],
      connections: 2,
      seconds: 1,
    });
    if (answers === 0) throw new Error('the generator got no answer');
  } finally {
    await Promise.all([stop(), subject.stop()]);
  }
}
