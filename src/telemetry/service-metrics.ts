import type { ShownMetric } from './shown-metric.js';

export interface ServiceSources {
  /** How often each code was answered; every code that there is. */
  readonly problems: () => ReadonlyMap<string, number>;
  /** Whether the database answers now. */
  readonly isDatabaseUp: () => Promise<boolean>;
}

/** What tells how the service fares beside its cache, as Prometheus wants to see it. The codes are a fixed few. */
export function serviceMetrics({ problems, isDatabaseUp }: ServiceSources): readonly ShownMetric[] {
  return [
    {
      name: 'http_problems_total',
      help: 'Requests answered with a problem',
      type: 'counter',
      read: () => [...problems()].map(([code, value]) => ({ value, labels: { code } })),
    },
    {
      name: 'database_up',
      help: '1 while the database answers',
      type: 'gauge',
      read: async () => [{ value: Number(await isDatabaseUp()), labels: {} }],
    },
  ];
}
