import { type DynamicModule, Module } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { AccessModule } from './access/access.module.js';
import { AnalyticsModule } from './analytics/analytics.module.js';
import { cacheSettings } from './cache-settings.js';
import { CacheModule } from './cache/index.js';
import { Environment } from './config/environment.js';
import { DatabaseModule } from './database/database.module.js';
import { FrontPageController } from './front-page.controller.js';
import type { AnswerShapes } from './http/answer-shapes.js';
import type { AnsweredProblems } from './http/answered-problems.js';
import type { HandlerLimit } from './http/handler-limit.interceptor.js';
import type { RequestDurations } from './http/request-durations.js';
import { HealthModule } from './health/health.module.js';
import { RecordsModule } from './records/records.module.js';
import { firstStart } from './start/first-start.js';
import { SystemModule } from './system/system.module.js';
import { AppLogger } from './telemetry/app-logger.js';
import { TelemetryModule } from './telemetry/telemetry.module.js';

/** The composition root: which modules there are, and with which settings. */
@Module({})
export class AppModule {
  /**
   * @param configuration  the module that makes the settings injectable
   * @param shapes         names the forms of what the routes answer
   * @param limit          says whether one more can be served
   * @param problems       counts what is answered with a problem
   * @param requests       measures how long they take
   */
  static forRoot(
    configuration: DynamicModule,
    shapes: AnswerShapes,
    limit: HandlerLimit,
    problems: AnsweredProblems,
    requests: RequestDurations,
  ): DynamicModule {
    return {
      module: AppModule,
      imports: [
        configuration,
        TelemetryModule.forRoot(problems, limit, requests),
        DatabaseModule.forRoot(firstStart),
        CacheModule.forRootAsync({
          inject: [Environment, AppLogger, DataSource],
          useFactory: (environment: Environment, logger: AppLogger, dataSource: DataSource) => ({
            ...cacheSettings(environment, logger, dataSource),
            shapeOf: (route) => shapes.of(route),
            admission: () => {
              limit.check();
            },
          }),
        }),
        AccessModule,
        RecordsModule,
        AnalyticsModule,
        SystemModule,
        HealthModule,
      ],
      controllers: [FrontPageController],
    };
  }
}
