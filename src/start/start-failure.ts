import { CacheError } from '../cache/index.js';
import { ConfigurationError } from '../config/configuration-error.js';
import { EmbeddedPostgresError } from '../database/embedded-postgres.js';
import { masker } from '../telemetry/safe-text.js';

const mask = masker([]);

interface ListenError extends NodeJS.ErrnoException {
  port?: number;
  /** The variable that names the port. Default: PORT */
  setting?: string;
  address?: string;
  hostname?: string;
}

/** What to print if the service does not start: one clear line, the list of bad variables, or else all there is. */
export function startFailure(error: unknown): string {
  if (error instanceof ConfigurationError || error instanceof EmbeddedPostgresError) return error.message;
  if (error instanceof CacheError) return `${error.code} ${error.message}`;
  const { code, port, setting = 'PORT', address, hostname, stack, message } = error as ListenError;
  if (code === 'EADDRINUSE')
    return `Port ${port} is busy: stop what listens there, or set ${setting} to another, for example ${setting}=8001.`;
  if (code === 'EACCES' && port)
    return `Port ${port} needs more rights than this user has: set ${setting} above 1023, for example ${setting}=8000.`;
  if (code === 'EADDRNOTAVAIL')
    return `This machine has no address ${address}: set HOST, for example HOST=0.0.0.0.`;
  if (/^(ENOTFOUND|EAI_AGAIN)$/.test(code ?? '') && hostname)
    return `There is no address for the name ${hostname}: set HOST, for example HOST=0.0.0.0.`;
  return mask(`The service could not start: ${stack ?? message}`);
}
