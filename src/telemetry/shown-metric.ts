import type { Metric, Registry } from 'prom-client';

/** One line of a metric; `name` where it differs from the metric's own, as in a histogram's buckets. */
export interface Sample {
  readonly value: number;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly metricName?: string;
}

export interface ShownMetric {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** Called each time somebody asks for the metrics. */
  readonly read: () => readonly Sample[] | Promise<readonly Sample[]>;
}

/**
 * Puts a metric into the register whose values are counted elsewhere. Those of prom-client can only count for
 * themselves: its counters cannot be set, its histograms not be filled.
 */
export function show(register: Registry, { name, help, type, read }: ShownMetric): void {
  const described = { name, help, type, aggregator: 'sum' };
  const metric = { ...described, get: async () => ({ ...described, values: await read() }) };
  register.registerMetric(metric as unknown as Metric);
}
