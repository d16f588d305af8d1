import { Global, Logger, Module, type DynamicModule } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Environment } from '../config/environment.js';
import type { LogRecord } from '../telemetry/log-catalogue.js';
import { requestPool } from './data-source.js';
import { DatabaseConnection, FIRST_START, type FirstStart } from './database-connection.js';
import { DatabaseOutage } from './database-outage.js';
import { DatabasePing } from './database-ping.js';
import { databaseReason } from './database-reason.js';

/** The connection pool. Global, so that it opens before and closes after everything that uses it. */
@Global()
@Module({})
export class DatabaseModule {
  /** @param firstStart  fills the embedded database when it is new */
  static forRoot(firstStart?: FirstStart): DynamicModule {
    const logger = new Logger('Database');
    return {
      module: DatabaseModule,
      imports: [
        TypeOrmModule.forRootAsync({
          inject: [Environment],
          useFactory: (environment: Environment) => ({
            ...requestPool(environment, (error) => {
              logger.warn({
                event: 'database.connection_lost',
                reason: databaseReason(error),
                // The line is not about the request that happened to open the connection.
                request_id: undefined,
              } satisfies LogRecord);
            }),
            manualInitialization: true,
          }),
        }),
      ],
      providers: [
        DatabaseConnection,
        DatabaseOutage,
        DatabasePing,
        { provide: FIRST_START, useValue: firstStart },
      ],
      exports: [DatabaseConnection, DatabaseOutage, DatabasePing],
    };
  }
}
