import fc from 'fast-check';
import { checkHistory, type FindingKind, type Tolerance } from './check-history.js';
import type { Operation } from './operation.js';

const tolerance: Tolerance = { staleMs: 2, pendingMs: 4, orderMs: 3 };

/** Few keys, versions and moments, so that all of them meet. */
const operation: fc.Arbitrary<Operation> = fc
  .record({
    kind: fc.constantFrom('read' as const, 'write' as const),
    key: fc.nat(1),
    of: fc.nat(1),
    isOwn: fc.boolean(),
    user: fc.nat(1),
    ofUser: fc.nat(1),
    also: fc.option(fc.record({ key: fc.nat(1), of: fc.nat(1), version: fc.nat(4) })),
    version: fc.nat(4),
    invokedMs: fc.nat(20),
    durationMs: fc.nat(5),
    isUnknown: fc.boolean(),
    isPending: fc.boolean(),
  })
  .map(({ kind, key, of, isOwn, user, ofUser, also, version, ...rest }) => ({
    kind,
    key,
    process: 0,
    ...(isOwn ? { user } : {}),
    invokedUs: rest.invokedMs * 1000,
    ...(rest.isUnknown
      ? {}
      : {
          returnedUs: (rest.invokedMs + rest.durationMs) * 1000,
          version,
          of,
          ...(isOwn ? { ofUser } : {}),
          ...(kind === 'read' && also ? { also } : {}),
          isPending: rest.isPending,
        }),
  }));

/** What is said of two keys, as two answers of one. */
function saidOfEach(operations: readonly Operation[]): Operation[] {
  return operations.flatMap((one) => (one.also ? [one, { ...one, ...one.also }] : [one]));
}

function isCrossing({ key, of, user, ofUser }: Operation): boolean {
  return of !== key || ofUser !== user;
}

/** What the words of the kinds say, each operation held against each. */
function byDefinition(operations: readonly Operation[], read: Operation): [FindingKind, number] | undefined {
  if (read.kind !== 'read' || read.version === undefined || read.returnedUs === undefined) return undefined;
  const [version, returnedUs] = [read.version, read.returnedUs];
  if (isCrossing(read)) return ['crossing', 0];
  const sameKey = operations.filter(({ key }) => key === read.key);
  const writes = sameKey.filter(({ kind }) => kind === 'write');
  const isMadeLater = writes.some((write) => write.version === version && write.invokedUs >= returnedUs);
  const begun = writes.filter(({ invokedUs }) => invokedUs < returnedUs);
  if (version > begun.length || isMadeLater) return ['future', 0];
  const lagBehind = (others: readonly Operation[]) =>
    Math.max(
      0,
      ...others
        .filter((other) => other.returnedUs !== undefined && (other.version ?? 0) > version)
        .map(({ kind, isPending, returnedUs = 0 }) => {
          const graceMs = kind === 'write' && isPending ? tolerance.pendingMs : 0;
          return (read.invokedUs - returnedUs) / 1000 - graceMs;
        }),
    );
  const staleMs = lagBehind(writes);
  if (staleMs > 0) return ['stale', staleMs];
  const orderMs = lagBehind(sameKey.filter((other) => other.kind === 'read' && !isCrossing(other)));
  return orderMs > 0 ? ['order', orderMs] : undefined;
}

/** How long ago a write was acknowledged, however it was, that an answer does not know of. */
function behindByDefinition(operations: readonly Operation[], read: Operation): number[] {
  const kind = byDefinition(operations, read)?.[0];
  if (read.kind !== 'read' || read.returnedUs === undefined || kind === 'crossing' || kind === 'future')
    return [];
  const unseen = operations
    .filter(({ kind, key }) => kind === 'write' && key === read.key)
    .filter(({ returnedUs, version = 0 }) => returnedUs !== undefined && version > (read.version ?? 0))
    .map(({ returnedUs = 0 }) => (read.invokedUs - returnedUs) / 1000);
  const behindMs = Math.max(0, ...unseen);
  return behindMs > 0 ? [behindMs] : [];
}

function sorted(findings: readonly (readonly [FindingKind, number])[]): string[] {
  return findings.map(([kind, lagMs]) => `${kind} ${lagMs}`).sort();
}

it('finds what holding each operation against each finds, in any order', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(operation, {
        maxLength: 24,
        // A version is made once.
        selector: ({ kind, key, version }) =>
          kind === 'write' && version !== undefined ? [key, version] : {},
        comparator: (a, b) => JSON.stringify(a) === JSON.stringify(b) && Array.isArray(a),
      }),
      (history) => {
        const operations = saidOfEach(history);
        const { violations, tolerated, behindMs } = checkHistory(history, tolerance);
        const found = [...violations, ...tolerated].map(({ kind, lagMs }) => [kind, lagMs] as const);
        const expected = operations.flatMap((read) => {
          const finding = byDefinition(operations, read);
          return finding ? [finding] : [];
        });

        expect(sorted(found)).toEqual(sorted(expected));
        const behind = operations.flatMap((read) => behindByDefinition(operations, read));
        expect([...behindMs].sort((a, b) => a - b)).toEqual(behind.sort((a, b) => a - b));
        const isAllowed = ([kind, lagMs]: readonly [FindingKind, number]) =>
          (kind === 'stale' && lagMs <= tolerance.staleMs) ||
          (kind === 'order' && lagMs <= tolerance.orderMs);
        expect(tolerated).toHaveLength(expected.filter(isAllowed).length);
      },
    ),
    { numRuns: 3000 },
  );
});
