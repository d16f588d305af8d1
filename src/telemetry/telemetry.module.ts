import { Global, Module } from '@nestjs/common';
import { Environment } from '../config/environment.js';
import { secretsOf } from '../config/secrets.js';
import { AppLogger } from './app-logger.js';

/** The log. Others use Nest's `Logger`, which writes here. */
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
  ],
  exports: [AppLogger],
})
export class TelemetryModule {}
