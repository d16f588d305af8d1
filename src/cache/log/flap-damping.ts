import type { CacheModuleEvent } from '../cache.options.js';
import type { Clock } from '../engine/clock.js';

/** Twice what there is to tell when Redis is lost and found. */
const AT_ONCE = 20;
const HELD_FOR_MS = 60_000;

/** What an event is the latest news of. */
const topics = {
  'cache.connected': 'connection',
  'cache.connect_failed': 'connection',
  'cache.reconnecting': 'connection',
  'cache.breaker': 'breaker',
  'cache.disabled': 'use',
  'cache.ready': 'use',
  'cache.server_info': 'server',
} as const satisfies Partial<Record<CacheModuleEvent['event'], string>>;

type ConnectionEvent = Extract<CacheModuleEvent, { event: keyof typeof topics }>;

/** What there is to tell of one server in one minute. */
interface Minute {
  count: number;
  readonly held: Map<string, ConnectionEvent>;
}

export function isOfConnection(event: CacheModuleEvent): event is ConnectionEvent {
  return Object.hasOwn(topics, event.event);
}

/**
 * Lets twenty events of a minute through for each server. Of one that comes and goes more often the latest are told when the
 * minute is over: how it stands then, without all that was in between.
 */
export class FlapDamping {
  readonly #tell: (event: ConnectionEvent) => void;
  readonly #clock: Clock;
  readonly #minutes = new Map<string | undefined, Minute>();

  /** @param tell  told at once or later, of the events that are {@link add}ed */
  constructor(tell: (event: ConnectionEvent) => void, clock: Clock) {
    this.#tell = tell;
    this.#clock = clock;
  }

  add(event: ConnectionEvent): void {
    const server = 'server' in event ? event.server : undefined;
    const minute = this.#minutes.get(server) ?? this.#begin(server);
    minute.count++;
    if (minute.count <= AT_ONCE) this.#tell(event);
    else minute.held.set(topics[event.event], event);
  }

  #begin(server: string | undefined): Minute {
    const minute: Minute = { count: 0, held: new Map() };
    this.#minutes.set(server, minute);
    this.#clock.schedule(HELD_FOR_MS, () => {
      this.#minutes.delete(server);
      for (const event of minute.held.values()) {
        try {
          this.add(event);
        } catch {
          // It is the listener's own, as when it is told at once: nobody else is there to meet it.
        }
      }
    });
    return minute;
  }
}
