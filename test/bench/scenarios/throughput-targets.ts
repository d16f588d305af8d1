import type { sizes } from '../bodies.js';
import type { ContenderName } from '../contenders.js';
import { percent } from '../report.js';

export type Size = (typeof sizes)[number];

/** In the order of the tables. */
export const measured = [
  'limit',
  'limit-text',
  'limit-open',
  'limit-express-open',
  'bounded',
  'bounded-unaudited',
  'strong',
  'bounded-open',
  'bounded-express-open',
  'redis-only',
  'bare-get',
  'uncached',
  'cache-manager',
  'bentocache',
  'cacheable',
] as const satisfies readonly ContenderName[];

/** One line of a table: a contender, or one of them asked in another way. */
export type LineName = (typeof measured)[number] | 'bounded 304';

/** Measured in turn with what it is compared with. */
export interface Target {
  readonly ours: LineName;
  readonly theirs: LineName;
  readonly atLeast: Partial<Record<Size, number>>;
  /** What of theirs is compared: answers a second, or a second of the server's CPU. Default: `rate` */
  readonly by?: 'rate' | 'cpu';
  readonly obstacle?: (of: Medians, theirs: LineName) => string;
}

/** Of all rounds. */
export interface Medians {
  readonly times: (ours: LineName, theirs: LineName) => string;
  readonly microseconds: (name: LineName) => string;
  /** Share of the answers that a handler built. */
  readonly built: (name: LineName) => number;
}

/** If more were built, the figure is not one of hits. */
const MOST_BUILT = 0.01;

/** It keeps nothing and looks for nothing. */
const limitOfNest = ({ times }: Medians, theirs: LineName) =>
  `\`limit\`, which does nothing but send what is at hand, has ${times('limit', theirs)} times its rate`;

const oneQuestion = ({ microseconds }: Medians) =>
  `a hit takes ${microseconds('strong')} of CPU, and ${microseconds('bounded')} where Redis is not asked, as \`bounded\` ` +
  'shows it: between the two lie a question for all who wait, and what waits for it';

const oneGet = ({ microseconds, built }: Medians) =>
  (built('redis-only') > MOST_BUILT
    ? `${percent(built('redis-only'))} of the answers were built by the handler, for Redis did not answer in time; `
    : '') +
  `HTTP behind Nest alone, as \`bounded\` shows it, takes ${microseconds('bounded')} of CPU, and \`bare-get\`, HTTP ` +
  `without Nest and one \`GET\`, ${microseconds('bare-get')} for everything; an entry needs three commands, for its ` +
  'tokens and what is left of its life come with it';

const targets: readonly Target[] = [
  { ours: 'bounded', theirs: 'limit', atLeast: { 300: 0.95, 8_000: 0.95, 200_000: 0.9 } },
  {
    ours: 'strong',
    theirs: 'limit',
    atLeast: { 300: 0.9, 8_000: 0.9, 200_000: 0.85 },
    obstacle: oneQuestion,
  },
  { ours: 'bounded-open', theirs: 'limit-open', atLeast: { 8_000: 1.05 } },
  { ours: 'bounded-express-open', theirs: 'limit-express-open', atLeast: { 8_000: 1.05 } },
  { ours: 'bounded 304', theirs: 'limit', atLeast: { 8_000: 1.2 } },
  // What audits may cost. A hundredth of a rate is lost in how far rates lie apart.
  { ours: 'bounded', theirs: 'bounded-unaudited', atLeast: { 8_000: 0.99 }, by: 'cpu' },
  ...(['strong', 'bounded'] as const).flatMap((ours): Target[] => [
    { ours, theirs: 'cache-manager', atLeast: { 8_000: 9, 200_000: 70 }, obstacle: limitOfNest },
    { ours, theirs: 'bentocache', atLeast: { 8_000: 3.5, 200_000: 35 }, obstacle: limitOfNest },
  ]),
  {
    ours: 'redis-only',
    theirs: 'bare-get',
    atLeast: { 300: 0.8, 8_000: 0.8, 200_000: 0.8 },
    obstacle: oneGet,
  },
];

export function targetsOf(size: Size): Target[] {
  return targets.filter((target) => target.atLeast[size] !== undefined);
}
