import { CacheError } from './cache/index.js';
import { ConfigurationError } from './config/configuration-error.js';
import { EmbeddedPostgresError } from './database/embedded-postgres.js';
import { masker } from './telemetry/safe-text.js';

const mask = masker([]);

/** What to tell somebody whose service does not start: one clear line, the list of bad variables, or all there is. */
export function startFailure(error: unknown): string {
  if (error instanceof ConfigurationError || error instanceof EmbeddedPostgresError) return error.message;
  if (error instanceof CacheError) return `${error.code} ${error.message}`;
  const { code, port, address, stack, message } = error as NodeJS.ErrnoException & {
    port?: number;
    address?: string;
  };
  if (code === 'EADDRINUSE')
    return `Port ${port} is busy: stop what listens there, or set PORT to another, for example PORT=8001.`;
  if (code === 'EACCES' && port)
    return `Port ${port} needs more rights than this user has: set PORT above 1023, for example PORT=8000.`;
  if (code === 'EADDRNOTAVAIL')
    return `This machine has no address ${address}: set HOST, for example HOST=0.0.0.0.`;
  return mask(`The service could not start: ${stack ?? message}`);
}
