import { parseInfoText } from './info-text.js';

/** The servers' own figures, from `INFO`. They count the commands and keys of all clients, not only of this cache. */
export interface RedisServerStats {
  readonly version: string;
  readonly uptimeSeconds: number;
  readonly connectedClients: number;
  readonly usedMemoryHuman: string;
  readonly usedMemoryPeakHuman: string;
  readonly totalCommandsProcessed: number;
  readonly instantaneousOpsPerSec: number;
  readonly keyspaceHits: number;
  readonly keyspaceMisses: number;
}

/** Figures of one server, with the bytes that {@link sumOf} adds up. */
interface OneServersStats extends RedisServerStats {
  readonly usedMemoryBytes: number;
  readonly usedMemoryPeakBytes: number;
}

/** @param info the text of Redis's `INFO` */
export function serverStats(info: string): OneServersStats {
  const fields = parseInfoText(info);
  const text = (name: string) => fields.get(name) ?? '';
  const number = (name: string) => Number(fields.get(name) ?? 0);
  return {
    version: text('redis_version'),
    uptimeSeconds: number('uptime_in_seconds'),
    connectedClients: number('connected_clients'),
    usedMemoryHuman: text('used_memory_human'),
    usedMemoryBytes: number('used_memory'),
    usedMemoryPeakHuman: text('used_memory_peak_human'),
    usedMemoryPeakBytes: number('used_memory_peak'),
    totalCommandsProcessed: number('total_commands_processed'),
    instantaneousOpsPerSec: number('instantaneous_ops_per_sec'),
    keyspaceHits: number('keyspace_hits'),
    keyspaceMisses: number('keyspace_misses'),
  };
}

/** Counts are added up; the version is the first one's, and the uptime the shortest. */
export function sumOf(servers: readonly OneServersStats[]): RedisServerStats | undefined {
  const [first] = servers;
  if (!first || servers.length === 1) return first;
  const sum = (count: (one: OneServersStats) => number) =>
    servers.reduce((total, server) => total + count(server), 0);
  return {
    version: first.version,
    uptimeSeconds: Math.min(...servers.map((server) => server.uptimeSeconds)),
    connectedClients: sum((server) => server.connectedClients),
    usedMemoryHuman: human(sum((server) => server.usedMemoryBytes)),
    usedMemoryPeakHuman: human(sum((server) => server.usedMemoryPeakBytes)),
    totalCommandsProcessed: sum((server) => server.totalCommandsProcessed),
    instantaneousOpsPerSec: sum((server) => server.instantaneousOpsPerSec),
    keyspaceHits: sum((server) => server.keyspaceHits),
    keyspaceMisses: sum((server) => server.keyspaceMisses),
  };
}

/** As Redis writes it: `1.16M`. */
function human(bytes: number): string {
  const power = Math.min(4, Math.max(0, Math.floor(Math.log2(bytes) / 10)));
  return `${(bytes / 1024 ** power).toFixed(2)}${'BKMGT'.charAt(power)}`;
}
