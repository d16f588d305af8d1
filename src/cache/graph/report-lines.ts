import type { CacheReport, CacheWarning } from './cache-report.js';

const explanations: Readonly<Record<CacheWarning['kind'], string>> = {
  'hits-nothing': 'invalidates what nothing cached depends on',
  'unused-family': 'names tags of a family that nothing cached depends on',
  'never-invalidated': 'nothing invalidates it: good only until its TTL ends',
  'strange-parameter': 'reads a parameter that its path does not have: what names it names nothing',
  'no-shape': 'names no shape: give it one, and change that with the form of its result',
};

/** The report as text, a table each: what is cached, what keys are made of, what invalidates it, what looks wrong. */
export function reportLines({ cached, invalidating, warnings }: CacheReport): string[] {
  return [
    ...table(
      ['PREFIX', 'METHOD', 'SCOPE', 'TTL', 'CONSISTENCY', 'SHAPE', 'TAGS'],
      cached.map(({ prefix, method, scope, ttlSeconds, consistency, shape = '-', tags }) => {
        const ttl = ttlSeconds === undefined ? 'by result' : `${ttlSeconds} s`;
        return [prefix, method, scope, ttl, consistency, shape, listed(tags)];
      }),
    ),
    ...table(
      ['PREFIX', 'KEY'],
      cached.map(({ prefix, key }) => [prefix, key]),
    ),
    ...table(
      ['PREFIX', 'INVALIDATED BY'],
      cached.map(({ prefix, invalidatedBy }) => [prefix, listed(invalidatedBy)]),
    ),
    ...table(
      ['METHOD', 'INVALIDATES'],
      invalidating.map(({ method, tags }) => [method, listed(tags)]),
    ),
    ...table(
      ['WARNING', 'OF', 'METHODS'],
      warnings.map(({ kind, isHard, methods }) => [
        isHard ? 'hard' : 'soft',
        explanations[kind],
        listed(methods),
      ]),
    ),
  ];
}

function listed(items: readonly string[]): string {
  return items.join(', ') || '-';
}

/** An empty line, then columns as wide as their widest cell; nothing if there are no rows. */
function table(heads: readonly string[], rows: readonly (readonly string[])[]): string[] {
  if (rows.length === 0) return [];
  const all = [heads, ...rows];
  const widths = heads.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  return ['', ...all.map(line)];
}
