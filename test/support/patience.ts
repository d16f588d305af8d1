import { isMeasuring } from './figures.js';

/**
 * Settings of a service that shares the machine with others: what is late because of them is neither overloaded nor away.
 * Where it is measured it has the machine, and all is as shipped.
 */
export const patience: Readonly<Record<string, string>> = isMeasuring
  ? {}
  : {
      REDIS_COMMAND_TIMEOUT_MS: '1000',
      DATABASE_QUEUE_TIMEOUT_MS: '5000',
      MAX_REQUESTS_IN_FLIGHT: '1000',
      MAX_EVENT_LOOP_DELAY_MS: '0',
    };
