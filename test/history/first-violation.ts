import type { Finding } from './check-history.js';
import type { History } from './run-history.js';

/** A violation, and whether something had struck by the time it was asked for. */
interface FirstViolation {
  readonly finding: Finding;
  readonly isStruck: boolean;
}

/**
 * The first that a planted mistake has caused. If there is one from before the first strike, that is it: a mistake that
 * shows by itself is not the one that strikes are to bring to light.
 */
export function firstViolation({
  violations,
  strikes,
}: Pick<History, 'violations' | 'strikes'>): FirstViolation | undefined {
  const struckUs = strikes[0]?.fromUs ?? Infinity;
  const isStruck = ({ read }: Finding) => read.invokedUs >= struckUs;
  const unstruck = violations.filter((finding) => !isStruck(finding));
  const finding = firstOf(unstruck.length > 0 ? unstruck : violations);
  return finding && { finding, isStruck: isStruck(finding) };
}

function firstOf(violations: readonly Finding[]): Finding | undefined {
  const at = ({ read }: Finding) => read.returnedUs ?? Infinity;
  return violations.reduce<Finding | undefined>(
    (first, finding) => (first && at(first) <= at(finding) ? first : finding),
    undefined,
  );
}
