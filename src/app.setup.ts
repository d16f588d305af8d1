import type { IncomingMessage } from 'node:http';
import cors from '@fastify/cors';
import { RequestMethod } from '@nestjs/common';
import { NestFactory, Reflector } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { OpenAPIObject } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest, preHandlerHookHandler } from 'fastify';
import { AppModule } from './app.module.js';
import type { Variables } from './config/configuration-error.js';
import { ConfigurationModule } from './config/config.module.js';
import { Environment } from './config/environment.js';
import { DatabaseOutage } from './database/database-outage.js';
import { holdUntilReady } from './database/hold-until-ready.js';
import { ShutdownState } from './health/shutdown-state.js';
import { AnswerShapes } from './http/answer-shapes.js';
import { AnsweredProblems } from './http/answered-problems.js';
import { ConditionGuard } from './http/condition.guard.js';
import { limitConnection, serverLimits, SILENT_MS } from './http/connection-limits.js';
import { HandlerLimit } from './http/handler-limit.interceptor.js';
import { ignoreExpectations } from './http/ignore-expectations.js';
import { acceptJson } from './http/json-body.js';
import { limitUploads } from './http/limit-uploads.js';
import { connectionsWithinFiles } from './http/open-files.js';
import { crossOrigin, crossOriginFields } from './http/cross-origin.js';
import { createOpenApiDocument, isApiDocs, serveApiDocs } from './http/openapi.js';
import { ProblemFilter } from './http/problem.filter.js';
import { problemOf } from './http/problem-of.js';
import { originForm, refuseHead, refuseProtocol } from './http/refuse-head.js';
import { refuseUnreadable } from './http/refuse-unreadable.js';
import { requestIdOf } from './http/request-id.js';
import { RouteTable } from './http/route-table.js';
import { RequestDurations } from './http/request-durations.js';
import { refuseWhileBehind } from './http/refuse-while-behind.js';
import { type SecurityHeaders, securityHeaders } from './http/security-headers.js';
import { sendProblem } from './http/send-problem.js';
import { RequestValidationPipe } from './http/validation.pipe.js';
import { AppLogger } from './telemetry/app-logger.js';
import { EventLoop } from './telemetry/event-loop.js';
import { RequestScope } from './telemetry/request-scope.js';

/**
 * Makes the application, complete but for listening; the service and its tests share all of this.
 *
 * @param variables  settings instead of the process's own
 * @throws {ConfigurationError} naming every bad variable
 */
export async function createApp(variables?: Variables): Promise<NestFastifyApplication> {
  const { environment, module } = await ConfigurationModule.forRoot(variables);
  const security = await securityHeaders();
  const problems = new AnsweredProblems();
  const requests = new RequestDurations();
  const adapter = fastifyAdapter(environment, security.data, problems, requests);
  const routes = new RouteTable();
  adapter.getInstance().addHook('onRoute', (route) => {
    routes.add(route);
  });
  // Before all other hooks, as each of them may refuse.
  adapter.getInstance().addHook('onRequest', (request, reply, done) => {
    requests.measure(request, reply);
    done();
  });

  const shapes = new AnswerShapes();
  const limit = new HandlerLimit(environment.MAX_REQUESTS_IN_FLIGHT);
  const root = AppModule.forRoot(module, shapes, limit, problems, requests);
  const app = await NestFactory.create<NestFastifyApplication>(root, adapter, {
    bufferLogs: true,
    abortOnError: false,
    bodyParser: false,
  });
  app.useLogger(app.get(AppLogger));
  app.setGlobalPrefix('api/v3', {
    exclude: [
      { path: '/', method: RequestMethod.GET },
      { path: 'metrics', method: RequestMethod.GET },
      { path: 'health', method: RequestMethod.GET },
      { path: 'health/*probe', method: RequestMethod.GET },
    ],
  });
  app.useGlobalPipes(new RequestValidationPipe());
  app.useGlobalFilters(new ProblemFilter(routes, problems, app.get(DatabaseOutage)));
  // After those who ask whether the caller may be here.
  app.useGlobalGuards(new ConditionGuard(app.get(Reflector)));
  app.useGlobalInterceptors(limit);
  const server = app.getHttpServer();
  server.maxConnections = connectionsWithinFiles(environment);
  ignoreExpectations(server);
  await addRequestHooks(app, security, environment);
  describeApi(app, shapes, environment);
  return app;
}

/** The description is made once, when it is first asked for: by the cache as it starts, or by a reader. */
function describeApi(
  app: NestFastifyApplication,
  shapes: AnswerShapes,
  { API_DOCS_ENABLED }: Environment,
): void {
  let made: OpenAPIObject | undefined;
  const document = () => (made ??= createOpenApiDocument(app));
  shapes.readFrom(document);
  if (API_DOCS_ENABLED) serveApiDocs(app, document);
}

function fastifyAdapter(
  environment: Environment,
  headers: SecurityHeaders['data'],
  problems: AnsweredProblems,
  requests: RequestDurations,
): FastifyAdapter {
  return new FastifyAdapter({
    http: serverLimits,
    bodyLimit: environment.BODY_LIMIT,
    trustProxy: environment.TRUSTED_PROXIES.length > 0 && [...environment.TRUSTED_PROXIES],
    // The other address, too: it is the one that keys are made of.
    rewriteUrl: (request: IncomingMessage & { originalUrl?: string }) =>
      (request.originalUrl = originForm(request.url ?? '/')),
    requestTimeout: 30_000,
    keepAliveTimeout: 72_000,
    connectionTimeout: SILENT_MS,
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    requestIdHeader: false,
    genReqId: requestIdOf,
    clientErrorHandler: refuseUnreadable(headers, problems),
    // What the router itself refuses: a path that cannot be decoded, a parameter that is too long.
    frameworkErrors: (error: Error, request: FastifyRequest, reply: FastifyReply) => {
      // It comes before all hooks.
      requests.measure(request, reply);
      const fields = { ...headers, ...crossOriginFields(environment.ALLOWED_ORIGINS, request.headers) };
      sendProblem(request, reply.headers(fields), problemOf(error), problems);
    },
    routerOptions: { maxParamLength: 200 },
  });
}

async function addRequestHooks(
  app: NestFastifyApplication,
  { data, docs }: SecurityHeaders,
  { ALLOWED_ORIGINS, BODY_LIMIT }: Environment,
): Promise<void> {
  const fastify = app.getHttpAdapter().getInstance();
  const shutdown = app.get(ShutdownState, { strict: false });
  fastify.removeContentTypeParser('text/plain');
  acceptJson(fastify);
  // Unless its route says otherwise an answer is nobody's to keep: most are about the one who asks.
  const unkept = { 'cache-control': 'private, no-store' };
  const [ofDocs, ofData] = [
    { ...docs, ...unkept },
    { ...data, ...unkept },
  ];
  fastify.addHook('onRequest', limitConnection);
  fastify.addHook('onRequest', (request, reply, done) => {
    void reply.headers(isApiDocs(request.url) ? ofDocs : ofData).header('x-request-id', request.id);
    shutdown.tellOfStop(reply.raw);
    done(refuseProtocol(request));
  });
  // Nest's own way would answer preflights before all other hooks, and so without the fields above.
  if (ALLOWED_ORIGINS.length > 0) await fastify.register(cors, crossOrigin(ALLOWED_ORIGINS));
  // Not before: a page may read why its request was refused.
  fastify.addHook('onRequest', (request, _reply, done) => {
    done(refuseHead(request));
  });
  fastify.addHook('onRequest', refuseWhileBehind(app.get(EventLoop)));
  fastify.addHook('onRequest', holdUntilReady(app));
  fastify.addHook('onRequest', limitUploads(BODY_LIMIT));
  nameRequests(app);
}

/** From the guards on every line of the log names the request that it is about, where lines have such fields. */
function nameRequests(app: NestFastifyApplication): void {
  if (app.get(Environment).LOG_FORMAT !== 'json') return;
  const requests = app.get(RequestScope);
  // Not before: what reads a body leaves the scope.
  const hook: preHandlerHookHandler = (request, _reply, done) => {
    requests.run(request.id, done);
  };
  app.getHttpAdapter().getInstance().addHook('preHandler', hook);
}
