/** Who may import whom. Each rule carries its reason. */
const rule = (name, comment, from, to) => ({ name, severity: 'error', comment, from, to });
const spec = '\\.spec\\.ts$';
/** Every folder but those that all features stand on, and those that start what they make. */
const feature = '^src/(?!(?:cache|command|config|database|http|start|telemetry)/)([^/]+)/';
/** What a feature has for others: what its module exports, decorators of routes, entities and SQL about them, words of its own. */
const shared = [
  '\\.(module|service|guard|decorator|entity|sql)\\.ts$',
  '^src/access/(principal|not-found|declared-ids|token\\.verifier)\\.ts$',
  '^src/rate-limit/rate-limits\\.ts$',
  '^src/records/(public-id|path-ids|events/activity-verbs)\\.ts$',
];

module.exports = {
  forbidden: [
    rule('no-cycles', 'A cycle cannot be read one file at a time. Entities point at each other by nature.',
      { pathNot: '\\.entity\\.ts$' }, { circular: true }),
    rule('engine-stands-alone', 'The engine must be readable and testable without Nest or Redis.',
      { path: '^src/cache/engine/', pathNot: spec }, { pathNot: '^src/cache/engine/', dependencyTypesNot: ['core'] }),
    rule('definitions-come-first', 'What decorators say is what routes and methods are served by; it knows neither.',
      { path: '^src/cache/definition/', pathNot: spec }, { path: '^src/', pathNot: '^src/cache/(definition|engine)/' }),
    rule('routes-know-no-decorators', 'Decorators lead to the door and the loader, never back.',
      { path: '^src/cache/http/', pathNot: spec }, { path: '^src/cache/(decorators|graph|methods)/' }),
    rule('methods-know-no-decorators', 'How a method is served and how it invalidates is called by its decorators.',
      { path: '^src/cache/methods/', pathNot: spec }, { path: '^src/cache/(decorators|graph)/' }),
    rule('decorators-know-no-graph', 'Decorators speak for one method; what all of them say together is looked at at start.',
      { path: '^src/cache/decorators/', pathNot: spec }, { path: '^src/cache/graph/' }),
    rule('stores-know-only-contracts', 'A store is replaceable.',
      { path: '^src/cache/stores/', pathNot: spec }, { path: '^src/', pathNot: '^src/cache/(engine|outbox|stores|redis)/' }),
    rule('rows-and-connections-know-no-use', 'Rows of the outbox and connections know nothing of what they are for.',
      { path: '^src/cache/(outbox|redis)/', pathNot: spec }, { path: '^src/', pathNot: '^src/cache/(engine|$1)/' }),
    rule('cache-is-reusable', 'The cache must work in any Nest application as it is.',
      { path: '^src/cache/', pathNot: spec }, { path: '^src/', pathNot: '^src/cache/' }),
    rule('cache-through-its-index', 'The surface of the cache stays small; what needs TypeORM stands apart.',
      { path: '^src/', pathNot: '^src/cache/' }, { path: '^src/cache/', pathNot: '^src/cache/(index|outbox/typeorm\\.outbox)\\.ts$' }),
    rule('typeorm-stands-apart', 'The cache must work where there is no TypeORM.',
      { path: '^src/cache/', pathNot: ['^src/cache/outbox/typeorm\\.\\w+\\.ts$', spec] }, { path: 'node_modules/typeorm/' }),
    rule('test-kit-knows-parts-only', 'What tests are made of must not depend on how the parts are joined.',
      { path: '^src/cache/testing/', pathNot: spec }, { pathNot: '^src/cache/(testing|engine|stores)/', dependencyTypesNot: ['core'] }),
    rule('nothing-runs-on-the-test-kit', 'A product must not depend on what only tests need.',
      { path: '^src/', pathNot: ['^src/cache/testing/', spec] }, { path: '^src/cache/testing/' }),
    rule('records-know-no-analytics', 'What is written does not depend on what is read.',
      { path: '^src/records/' }, { path: '^src/(analytics|system|health|datasets)/' }),
    rule('risk-is-pure', 'The risk model is arithmetic; it needs neither Nest nor a database.',
      { path: '^src/analytics/risk/', pathNot: spec }, { pathNot: '^src/analytics/risk/' }),
    rule('foundation-knows-no-feature', 'config, http, telemetry and what ends a command are below the features.',
      { path: '^src/((config|http|telemetry)/|command/run-command\\.ts$)', pathNot: spec }, { path: feature }),
    rule('database-knows-entities-alone', 'TypeORM is told of all entities at once; nothing else of a feature is below it.',
      { path: '^src/database/', pathNot: spec }, { path: feature, pathNot: '\\.entity\\.ts$' }),
    rule('features-share-what-is-meant-for-others', 'What a route says, its DTOs and how it works may change without a look at other features.',
      { path: feature, pathNot: spec }, { path: feature, pathNot: ['^src/$1/', ...shared] }),
    rule('commands-share-how-they-end', 'A command is started, never imported; what all have in common is one file.',
      { path: '^src/', pathNot: ['^src/command/', spec] }, { path: '^src/command/', pathNot: '^src/command/run-command\\.ts$' }),
    rule('callers-come-as-arguments', 'A cached method that found its caller elsewhere would keep his answer for all.',
      { path: '^src/', pathNot: ['^src/cache/', '^src/telemetry/request-scope.ts$', spec] }, { path: '^(node:)?async_hooks$' }),
    rule('only-the-log-names-requests', 'What belongs to a request would be kept for all: see callers-come-as-arguments.',
      { path: '^src/', pathNot: ['^src/telemetry/', '^src/app.setup.ts$', spec] }, { path: '^src/telemetry/request-scope.ts$' }),
    rule('sources-know-no-tests', 'The product must build without its tests.',
      { path: '^src/', pathNot: spec }, { path: `(^test/|${spec})` }),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
};
