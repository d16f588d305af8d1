import { type DynamicModule, Module } from '@nestjs/common';
import { DatabaseModule } from './database/database.module.js';
import { HealthModule } from './health/health.module.js';
import { TelemetryModule } from './telemetry/telemetry.module.js';

/** The composition root: which modules there are, and with which settings. */
@Module({})
export class AppModule {
  /** @param configuration  the module that makes the settings injectable */
  static forRoot(configuration: DynamicModule): DynamicModule {
    return {
      module: AppModule,
      imports: [configuration, TelemetryModule, DatabaseModule.forRoot(), HealthModule],
    };
  }
}
