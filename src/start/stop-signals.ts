/** By which a service is told to stop; the last says that its terminal was closed. */
export const stopSignals = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;
