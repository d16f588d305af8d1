interface TimedView {
  generated_at: string;
  next_deadline_at: string | null;
}

/**
 * How long a view of the present holds from the end of its computation on, whole seconds: `atMost`, and no longer than to
 * the next deadline; at least 1.
 */
export function secondsUntilChange({ generated_at, next_deadline_at }: TimedView, atMost: number): number {
  if (next_deadline_at === null) return atMost;
  const seconds = Math.floor((Date.parse(next_deadline_at) - Date.parse(generated_at)) / 1000);
  return Math.max(1, Math.min(atMost, seconds));
}
