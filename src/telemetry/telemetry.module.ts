import { Global, Module } from '@nestjs/common';
import { Environment } from '../config/environment.js';
import { secretsOf } from '../config/secrets.js';
import { AppLogger } from './app-logger.js';
import { Metrics } from './metrics.js';

/** The log, which others reach through Nest's `Logger`, and the metrics. */
@Global()
@Module({
  providers: [
    {
      provide: AppLogger,
      inject: [Environment],
      useFactory: (environment: Environment) =>
        new AppLogger({
          level: environment.LOG_LEVEL,
          format: environment.LOG_FORMAT,
          secrets: secretsOf(environment),
        }),
    },
    Metrics,
  ],
  exports: [AppLogger, Metrics],
})
export class TelemetryModule {}
