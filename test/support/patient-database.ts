/** Settings for tests that queue on one row on purpose: a busy machine must not turn waiting into 503. */
export const patientDatabase = {
  DATABASE_CONNECT_TIMEOUT_MS: '20000',
  DATABASE_QUEUE_TIMEOUT_MS: '20000',
  DATABASE_LOCK_TIMEOUT_MS: '20000',
  DATABASE_STATEMENT_TIMEOUT_MS: '20000',
  DATABASE_QUERY_TIMEOUT_MS: '25000',
  DATABASE_IDLE_IN_TRANSACTION_TIMEOUT_MS: '25000',
};
