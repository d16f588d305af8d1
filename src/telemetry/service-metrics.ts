import type { PoolUse } from '../database/pool-use.js';
import type { RequestDurations } from '../http/request-durations.js';
import { buckets, type ShownMetric } from './shown-metric.js';

interface ServiceSources {
  readonly requests: () => RequestDurations['counts'];
  /** How often each code was answered; has every code. */
  readonly problems: () => ReadonlyMap<string, number>;
  /** How many of them were `overloaded`, by cause. */
  readonly overloads: () => ReadonlyMap<string, number>;
  /** How many requests are being served, and how many wait for that, by queue. */
  readonly load: () => Readonly<Record<string, { readonly serving: number; readonly waiting: number }>>;
  readonly connections: () => PoolUse & { readonly max: number };
  /** Whether the database answers now. */
  readonly isDatabaseUp: () => Promise<boolean>;
}

/** The service's figures for Prometheus, without those of its cache. The codes are a fixed few, and no label holds what a caller has chosen. */
export function serviceMetrics(sources: ServiceSources): readonly ShownMetric[] {
  return [
    {
      name: 'http_request_duration_seconds',
      help: 'How long requests took until their answers were out',
      type: 'histogram',
      read: () =>
        sources
          .requests()
          .flatMap(({ durationMs, ...labels }) =>
            buckets('http_request_duration_seconds', durationMs, labels),
          ),
    },
    {
      name: 'http_problems_total',
      help: 'Requests answered with a problem',
      type: 'counter',
      read: () => [...sources.problems()].map(([code, value]) => ({ value, labels: { code } })),
    },
    {
      name: 'http_overloads_total',
      help: 'Requests answered with the problem overloaded, by what overloads',
      type: 'counter',
      read: () => [...sources.overloads()].map(([cause, value]) => ({ value, labels: { cause } })),
    },
    {
      name: 'http_requests',
      help: 'Requests that are being served by their handlers, and that wait for that',
      type: 'gauge',
      read: () =>
        Object.entries(sources.load()).flatMap(([queue, { serving, waiting }]) => [
          { value: serving, labels: { queue, state: 'serving' } },
          { value: waiting, labels: { queue, state: 'waiting' } },
        ]),
    },
    {
      name: 'database_connections',
      help: 'Connections to the database in use and at rest, and how many wait for one',
      type: 'gauge',
      read: () => {
        const { active, idle, waiting } = sources.connections();
        return Object.entries({ active, idle, waiting }).map(([state, value]) => ({
          value,
          labels: { state },
        }));
      },
    },
    {
      name: 'database_connections_limit',
      help: 'How many connections to the database there may be in use and at rest',
      type: 'gauge',
      read: () => [{ value: sources.connections().max, labels: {} }],
    },
    {
      name: 'database_up',
      help: '1 while the database answers',
      type: 'gauge',
      read: async () => [{ value: Number(await sources.isDatabaseUp()), labels: {} }],
    },
  ];
}
