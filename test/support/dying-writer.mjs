// A process that ends between the commits of its methods and their invalidations. For every number it was given it renames
// R<n> in a transaction that is rolled back, and U<n> in one that commits; then it says so and does nothing more until it
// is killed.
import { DataSource } from 'typeorm';
import { TypeormOutbox } from '../../dist/cache/outbox/typeorm.outbox.js';
import { inUnit, UnitOfWork } from '../../dist/cache/outbox/unit-of-work.js';

const forgottenAfterMs = 60_000;
const numbers = process.argv.slice(2);

const dataSource = new DataSource({
  type: 'postgres',
  url: process.env.DATABASE_URL,
  poolSize: numbers.length,
});
await dataSource.initialize();
const outbox = new TypeormOutbox(dataSource);

await Promise.all(
  numbers.map(async (n) => {
    await rename(`R${n}`, true).catch(() => undefined);
    await rename(`U${n}`, false);
  }),
);
process.send('committed', () => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, forgottenAfterMs);
  process.exit(1);
});

function rename(code, isRolledBack) {
  return inUnit(new UnitOfWork('Writer.rename', [`tag/name:${code}`], { outbox }), () =>
    dataSource.transaction(async (manager) => {
      await manager.query(`UPDATE users SET full_name = 'new' WHERE code = $1`, [code]);
      if (isRolledBack) throw new Error('rolled back');
    }),
  );
}
