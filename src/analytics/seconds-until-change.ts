interface TimedView {
  as_of: string;
  next_deadline_at: string | null;
}

/** How long a view of the present holds, whole seconds: `atMost`, and no longer than to the next deadline; at least 1. */
export function secondsUntilChange({ as_of, next_deadline_at }: TimedView, atMost: number): number {
  if (next_deadline_at === null) return atMost;
  const seconds = Math.floor((Date.parse(next_deadline_at) - Date.parse(as_of)) / 1000);
  return Math.max(1, Math.min(atMost, seconds));
}
