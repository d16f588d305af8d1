import { type DynamicModule, Global, Module } from '@nestjs/common';
import { Environment } from '../config/environment.js';
import { secretsOf } from '../config/secrets.js';
import { AnsweredProblems } from '../http/answered-problems.js';
import { HandlerLimit } from '../http/handler-limit.interceptor.js';
import { RequestDurations } from '../http/request-durations.js';
import { AppLogger } from './app-logger.js';
import { EventLoop } from './event-loop.js';
import { Metrics } from './metrics.js';
import { RequestScope } from './request-scope.js';

/** The log, which others use through Nest's `Logger`; the metrics; and whether the process keeps up. */
@Global()
@Module({
  providers: [
    RequestScope,
    {
      provide: AppLogger,
      inject: [Environment, RequestScope],
      useFactory: (environment: Environment, requests: RequestScope) =>
        new AppLogger({
          level: environment.LOG_LEVEL,
          format: environment.LOG_FORMAT,
          secrets: secretsOf(environment),
          requestId: () => requests.id,
        }),
    },
    EventLoop,
    Metrics,
  ],
  exports: [AppLogger, EventLoop, Metrics, RequestScope],
})
export class TelemetryModule {
  /**
   * @param problems  counts all problems, also those answered before a request reaches Nest
   * @param limit     knows how many requests are being served
   * @param requests  measures them, also those that never reach Nest
   */
  static forRoot(problems: AnsweredProblems, limit: HandlerLimit, requests: RequestDurations): DynamicModule {
    return {
      module: TelemetryModule,
      providers: [
        { provide: AnsweredProblems, useValue: problems },
        { provide: HandlerLimit, useValue: limit },
        { provide: RequestDurations, useValue: requests },
      ],
      exports: [AnsweredProblems],
    };
  }
}
