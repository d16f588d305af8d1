import { Global, Logger, Module, type DynamicModule } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Environment } from '../config/environment.js';
import { requestPool } from './data-source.js';
import { DatabaseConnection, FIRST_START, type FirstStart } from './database-connection.js';
import { DatabasePing } from './database-ping.js';

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
              logger.warn(`⚠️ Lost an idle connection to the database (${error.name})`);
            }),
            manualInitialization: true,
          }),
        }),
      ],
      providers: [DatabaseConnection, DatabasePing, { provide: FIRST_START, useValue: firstStart }],
      exports: [DatabaseConnection, DatabasePing],
    };
  }
}
