import { byRoute } from './by-route.js';
import type { Operation } from './operation.js';

const read = (more: Partial<Operation>): Operation => ({
  kind: 'read',
  process: 0,
  key: 1,
  route: 'own',
  invokedUs: 0,
  returnedUs: 1,
  ...more,
});

it('counts the answered reads of each route, its hits, and what was found of it, within the promise or not', () => {
  const [old, late] = [read({}), read({ route: 'pair' })];
  const operations = [
    old,
    read({ cache: 'HIT' }),
    late,
    read({ cache: 'HIT', returnedUs: undefined as never }),
  ];
  const finding = { against: undefined, lagMs: 0 };
  const seen = byRoute([...operations, { ...read({}), kind: 'write', route: undefined as never }], {
    violations: [{ kind: 'crossing', read: old, ...finding }],
    tolerated: [{ kind: 'order', read: late, ...finding }],
  });

  expect(seen.find(({ name }) => name === 'own')).toMatchObject({
    reads: 2,
    hits: 1,
    findings: { crossing: 1, order: 0 },
  });
  expect(seen.find(({ name }) => name === 'pair')).toMatchObject({ reads: 1, findings: { order: 1 } });
  expect(seen.find(({ name }) => name === 'listed')).toMatchObject({ reads: 0, hits: 0 });
});
