// A process that keeps answers under ever new keys, in its own memory only, as many as it is told, and tells its parent what
// it takes of the machine's: first while it holds nothing, then a hundred times. Half of the answers have a byte, a quarter
// four, and so on to one in a thousand with 1 MB.
import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { CacheModule, CacheService } from '../../dist/cache/index.js';

const KEYS = Number(process.argv[2]);
const LARGEST = 2 ** 20;

class ManyKeys {}
const module = { module: ManyKeys, imports: [CacheModule.forRoot({ name: 'many-keys' })] };
const app = await NestFactory.createApplicationContext(module, { logger: false });
const cache = app.get(CacheService);

globalThis.gc();
tell(0);
for (let n = 1; n <= KEYS; n++) {
  const value = 'x'.repeat(Math.min((n & -n) ** 2, LARGEST));
  await cache.getOrSet(`key:${n}`, { ttl: 60 }, () => value);
  if (n % Math.ceil(KEYS / 100) === 0) tell(n);
}
await app.close();
process.disconnect();

function tell(keys) {
  const { bytes, entries } = cache.stats();
  process.send({ keys, rss: process.memoryUsage.rss(), bytes, entries });
}
