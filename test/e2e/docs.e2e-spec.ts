import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';
import { CacheService, type CacheErrorCode, type RedisService } from '../../src/cache/index.js';
import { storeKey } from '../../src/cache/engine/cache-key.js';
import { Environment } from '../../src/config/environment.js';
import { readEnvironment, variableNames } from '../../src/config/read-environment.js';
import { cacheMetrics } from '../../src/telemetry/cache-metrics.js';
import { logCatalogue, type LogEvent } from '../../src/telemetry/log-catalogue.js';
import { serviceMetrics } from '../../src/telemetry/service-metrics.js';
import { problems } from '../../src/http/problem.js';
import { nemesisNames } from '../history/nemeses.js';
import { plantedFaults, type Planted } from '../history/planted-faults.js';
import { routes } from '../history/routes.js';

const root = resolve(__dirname, '../..');
const documents = ['README.md', ...markdownBelow('docs')];

/** Complete by its type: a code that is added or taken away must be so here too, or this file does not compile. */
const cacheErrors: Record<CacheErrorCode, true> = {
  CACHE_BOOT_FAILED: true,
  CACHE_INVALID_TTL: true,
  CACHE_INVALID_OPTIONS: true,
  CACHE_DUPLICATE_PREFIX: true,
  CACHE_SCOPE_MISSING: true,
  CACHE_PRINCIPAL_MISSING: true,
  CACHE_UNDECLARED_INPUT: true,
  CACHE_UNCACHEABLE_ROUTE: true,
  CACHE_UNKNOWN_TEMPLATE_NAME: true,
  CACHE_PATTERN_MATCHES_NOTHING: true,
  CACHE_WRITE_OUTSIDE_TRANSACTION: true,
  CACHE_STORE_UNAVAILABLE: true,
  CACHE_UNSERIALISABLE: true,
  CACHE_FACTORY_TIMED_OUT: true,
  CACHE_OVERLOADED: true,
};

/** What is looked at of the example for Kubernetes, as that calls it. */
interface Manifests {
  readonly Deployment: {
    readonly spec: {
      readonly replicas: number;
      readonly strategy: unknown;
      readonly selector: { readonly matchLabels: unknown };
      readonly template: {
        readonly metadata: {
          readonly labels: unknown;
          readonly annotations: Readonly<Record<string, string>>;
        };
        readonly spec: PodSpec;
      };
    };
  };
  readonly PodDisruptionBudget: {
    readonly spec: { readonly maxUnavailable: number; readonly selector: { readonly matchLabels: unknown } };
  };
  readonly Service: { readonly spec: { readonly selector: unknown; readonly ports: unknown } };
}

interface PodSpec {
  readonly terminationGracePeriodSeconds: number;
  readonly containers: readonly {
    readonly image: string;
    readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
    readonly env: readonly { readonly name: string; readonly value: string }[];
    readonly resources: {
      readonly requests: Readonly<Record<string, string>>;
      readonly limits: Readonly<Record<string, string>>;
    };
    readonly livenessProbe: Probe;
    readonly readinessProbe: Probe;
  }[];
}

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string };
}

function filesBelow(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) =>
    join(folder, name),
  );
}

function markdownBelow(folder: string): string[] {
  return filesBelow(folder)
    .filter((name) => name.endsWith('.md'))
    .sort();
}

function read(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

/** First column of a table whose cells are in backquotes, and the whole row. */
function rows(path: string): { name: string; row: string }[] {
  return [...read(path).matchAll(/^\| `([^`]+)` *\|.*$/gm)].map(([row, name = '']) => ({ name, row }));
}

/** What stands under a heading of the second level. */
function section(path: string, heading: string): string {
  const [, rest = ''] = read(path).split(`\n## ${heading}\n`);
  return rest.split('\n## ')[0] ?? '';
}

/** The names of an interface's own properties, by its source text. */
function optionsOf(path: string, name: string): string[] {
  const [, body = ''] =
    new RegExp(`^export interface ${name}\\b.*?\\{\\n(.*?)^\\}`, 'ms').exec(read(path)) ?? [];
  const options = [...body.matchAll(/^ {2}(?:readonly )?(\w+)\??:/gm)].map(([, option = '']) => option);
  if (options.length === 0) throw new Error(`${path} has no options named ${name}`);
  return options;
}

/** What lines of an event look like: with all that it may tell, and without what is told only now and then. */
function lineForms(event: LogEvent): RegExp[] {
  const { emoji, text } = logCatalogue[event];
  const anything = (name: string) => (name === 'tags' ? ['\0'] : '\0');
  const form = (absent: readonly string[]) => {
    const get = (_: unknown, name: string) => (absent.includes(name) ? undefined : anything(name));
    const line = `${emoji} ${text(new Proxy({}, { get }))}`;
    return new RegExp(`^${line.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replaceAll('\0', '.+')}$`);
  };
  return [form([]), form(['reason', 'server'])];
}

/** Events of the log that somebody should hear of, those of the cache or all others. */
function alarms(ofCache: boolean): string[] {
  const events = Object.keys(logCatalogue) as LogEvent[];
  const isAlarm = (event: LogEvent) => ['warn', 'error'].includes(logCatalogue[event].level);
  return events.filter((event) => isAlarm(event) && event.startsWith('cache.') === ofCache);
}

/** Code without its lines for the API description, and in one line. */
function flat(code: string): string {
  return code
    .replace(/^ *@Api\w+\(.*\)\n/gm, '')
    .replace(/^ *@Api\w+\(\{\n.*?^ *\}\)\n/gms, '')
    .replace(/\s+/g, ' ')
    .replace(/([([{]) | ([)\]}])|,(?= ?[)\]}])/g, '$1$2')
    .trim();
}

/** The anchor that GitHub gives a heading. */
function anchor(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');
}

function anchorsOf(path: string): string[] {
  return [...read(path).matchAll(/^#{1,6} (.+)$/gm)].map(([, heading = '']) => anchor(heading));
}

describe('docs/errors.md', () => {
  it('names every problem with its status, and no other', () => {
    const documented = rows('docs/errors.md').filter(({ name }) => !name.startsWith('CACHE_'));

    expect(documented.map(({ name, row }) => [name, Number(row.split('|')[2])])).toEqual(
      Object.entries(problems).map(([code, { status }]) => [code, status]),
    );
  });

  it('names every error of the cache, and no other', () => {
    const documented = rows('docs/errors.md').filter(({ name }) => name.startsWith('CACHE_'));

    expect(documented.map(({ name }) => name)).toEqual(Object.keys(cacheErrors));
  });
});

describe('docs/caching-reference.md', () => {
  const path = 'docs/caching-reference.md';
  const shared = optionsOf('src/cache/definition/entry-options.ts', 'EntryOptions');
  const [, picked = ''] = /EntryDefaults = Pick<\s*EntryOptions,\s*([^>]+)>/.exec(
    read('src/cache/definition/entry-options.ts'),
  )!;

  it.each([
    [
      '`@Cached`: options',
      [
        ...optionsOf('src/cache/decorators/cached.decorator.ts', 'CachedOptions'),
        ...optionsOf('src/cache/definition/answer-options.ts', 'AnswerOptions'),
        ...shared,
      ],
    ],
    [
      '`@InvalidateCache`: patterns and the outbox',
      optionsOf('src/cache/decorators/invalidate-cache.decorator.ts', 'InvalidateCacheOptions'),
    ],
    [
      '`CacheModule.forRoot`',
      [
        ...optionsOf('src/cache/cache.options.ts', 'CacheModuleOptions'),
        ...(picked.match(/\w+/g) ?? []),
        ...optionsOf('src/cache/redis/redis-options.ts', 'RedisOptions'),
        ...optionsOf('src/cache/redis/redis-address.ts', 'RedisTargetOptions'),
        ...optionsOf('src/cache/engine/bulkhead.ts', 'BulkheadOptions'),
      ],
    ],
  ])('has a row for every option, and for no other, under %s', (heading, options) => {
    const cells = [...section(path, heading).matchAll(/^\| (.*?) \|/gm)].map(([, cell = '']) => cell);
    const documented = cells.flatMap((cell) => [...cell.matchAll(/`(\w+)`/g)].map(([, name]) => name));

    expect(documented.sort()).toEqual([...options].sort());
  });
});

it('docs/caching-reference.md has a row for every member of CacheService, and for no other', () => {
  const documented = read('docs/caching-reference.md').matchAll(/^\| `CacheService\.(\w+)/gm);
  const members = Object.getOwnPropertyNames(CacheService.prototype).filter((name) => name !== 'constructor');

  expect([...documented].map(([, name]) => name).sort()).toEqual(members.sort());
});

it('docs/caching-reference.md shows keys that are ours', () => {
  const shown = [...read('docs/caching-reference.md').matchAll(/^\| `(\w+)(\\\|[^`]+)` \| `([^`]+)` \|$/gm)];

  expect(shown).toHaveLength(4);
  for (const [, prefix = '', rest = '', key] of shown) {
    expect(storeKey(prefix, prefix + rest.replaceAll('\\|', '|'))).toBe(key);
  }
});

it('docs/caching-reference.md names every package that the cache names', () => {
  const sources = filesBelow('src/cache')
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.spec.ts'))
    .map(read);
  const imported = sources.flatMap((code) => [...code.matchAll(/ from '((?:@[^/']+\/)?[^./'][^/']*)/g)]);
  const packages = new Set(imported.map(([, name = '']) => name).filter((name) => !name.startsWith('node:')));
  const [, told = ''] = /^It brings (.*?)^$/ms.exec(read('docs/caching-reference.md')) ?? [];

  expect([...packages].filter((name) => !told.includes(`\`${name}\``))).toEqual([]);
});

describe('docs/REDIS_INTEGRATION.md', () => {
  const path = 'docs/REDIS_INTEGRATION.md';

  it('names every setting of Redis and the cache with the default of .env.example, and no other', () => {
    const ours = /^(REDIS|CACHE)_/;
    const defaults = [...read('.env.example').matchAll(/^#?(\w+)=(.*)$/gm)]
      .map(([, name = '', value = '']) => [name, value] as const)
      .filter(([name]) => ours.test(name));

    const documented = rows(path)
      .filter(({ name }) => ours.test(name))
      .map(({ name, row }) => [name, row.split('|')[2]?.replaceAll('`', '').trim()]);

    expect(documented).toEqual(defaults.map(([name, value]) => [name, value === '' ? 'none' : value]));
    expect(variableNames.filter((name) => ours.test(name)).sort()).toEqual(
      documented.map(([name]) => name).sort(),
    );
  });

  it('names only events that the log knows', () => {
    const events = [...read(path).matchAll(/`(cache\.[a-z_]+)`/g)].map(([, event = '']) => event);

    expect(events.length).toBeGreaterThan(5);
    expect(events.filter((event) => !Object.hasOwn(logCatalogue, event))).toEqual([]);
  });

  it('has a row for every line of the cache at warn and error', () => {
    const documented = rows(path).map(({ name }) => name);

    expect(alarms(true).filter((event) => !documented.includes(event))).toEqual([]);
  });

  it('shows lines as the log writes them', () => {
    const shown = [...read(path).matchAll(/^\| `(cache\.[a-z_]+)` \| `([^`]+)`/gm)];

    expect(shown.length).toBeGreaterThan(10);
    for (const [, event = '', line = ''] of shown) {
      expect([event, line, lineForms(event as LogEvent).some((form) => form.test(line))]).toEqual([
        event,
        line,
        true,
      ]);
    }
  });

  it('shows all figures that the cache tells of itself', () => {
    const dto = read('src/system/redis-stats.dto.ts');
    const figures = ['CacheFigures', 'CachePrefixFigures'].flatMap((name) => {
      const [, body = ''] = new RegExp(`^export class ${name} \\{(.*?)^\\}`, 'ms').exec(dto) ?? [];
      return [...body.matchAll(/^ {2}(\w+)!:/gm)].map(([, figure = '']) => figure);
    });

    expect(figures.length).toBeGreaterThan(20);
    expect(figures.filter((figure) => !read(path).includes(`"${figure}":`))).toEqual([]);
  });
});

it('docs/operations.md names every metric of ours with its type, and no other', () => {
  const neverAsked = () => {
    throw new Error('only names are wanted');
  };
  const metrics = [
    ...cacheMetrics({
      stats: neverAsked,
      hearsOthers: neverAsked,
      goesByOutbox: neverAsked,
      redis: {} as RedisService,
      outbox: neverAsked,
    }),
    ...serviceMetrics({
      requests: neverAsked,
      problems: neverAsked,
      overloads: neverAsked,
      load: neverAsked,
      connections: neverAsked,
      isDatabaseUp: neverAsked,
    }),
  ];

  const documented = rows('docs/operations.md').filter(({ name }) => /^(cache|http|database)_/.test(name));

  expect(documented.map(({ name, row }) => [name, row.split('|')[2]?.trim()])).toEqual(
    metrics.map(({ name, type }) => [name, type]),
  );
});

describe('docs/operations.md', () => {
  const table = [
    ...section('docs/operations.md', 'Log lines').matchAll(/^\| `([a-z._]+)` \| ([^|]+) \| `([^`]+)`/gm),
  ].map(([, event = '', level = '', line = '']) => ({ event, level, line }));

  it('has a row for every line at warn and error that is not of the cache', () => {
    const documented = table.map(({ event }) => event);

    expect(alarms(false).filter((event) => !documented.includes(event))).toEqual([]);
  });

  it('shows lines and levels as the log writes them', () => {
    // Written by hand, for its level depends on whose fault it is.
    const shown = table.filter(({ event }) => event !== 'request.failed');

    for (const { event, level, line } of shown) {
      const isSo =
        Object.hasOwn(logCatalogue, event) && lineForms(event as LogEvent).some((form) => form.test(line));
      expect([event, line, isSo]).toEqual([event, line, true]);
      expect([event, level]).toEqual([event, logCatalogue[event as LogEvent].level]);
    }
  });
});

it('docs/operations.md has alarms about metrics and lines that there are', () => {
  const alarms = section('docs/operations.md', 'Alarms');
  const metrics = [...alarms.matchAll(/(?<!['\w])(?:cache|http|database)_[a-z\d_]+/g)].map(([name]) =>
    name.replace(/_(bucket|count)$/, ''),
  );
  const events = [...alarms.matchAll(/`([a-z_]+\.[a-z_]+)`/g)].map(([, event = '']) => event);

  // Other tests hold these tables to the code.
  const documented = ['docs/operations.md', 'docs/REDIS_INTEGRATION.md'].flatMap(rows);
  const known = documented.map(({ name }) => name);
  expect(metrics.length).toBeGreaterThan(15);
  expect(events.length).toBeGreaterThan(5);
  expect([...metrics, ...events].filter((name) => !known.includes(name))).toEqual([]);
  for (const [, name = '', label = ''] of alarms.matchAll(/(\w+)\{(\w+)=/g)) {
    const row = documented.find((one) => one.name === name.replace(/_(bucket|count)$/, ''))?.row;
    expect([name, row?.split('|')[3]]).toEqual([name, expect.stringContaining(`\`${label}\``)]);
  }
});

it('docs/operations.md names only migrations that there are, in the order in which they run', () => {
  const named = cellsBelow('docs/operations.md', '| Migration |').map(([name = '']) =>
    name.replaceAll('`', ''),
  );
  const times = readdirSync(join(root, 'src/database/migrations')).map((name) => name.split('-')[0] ?? '');

  expect(named.length).toBeGreaterThan(0);
  expect(named).toEqual(times.sort().filter((time) => named.includes(time)));
});

describe('docs/operations.md, on Kubernetes', () => {
  const [, text = ''] = /^```yaml\n(.*?)^```$/ms.exec(read('docs/operations.md')) ?? [];
  const manifests = Object.fromEntries(
    parseAllDocuments(text).map((document) => {
      const manifest = document.toJS() as { kind: string };
      return [manifest.kind, manifest];
    }),
  ) as unknown as Manifests;
  const { replicas, strategy, selector, template } = manifests.Deployment.spec;
  const { spec } = template;
  const [app] = spec.containers;
  const healthPort = app?.env.find(({ name }) => name === 'HEALTH_PORT')?.value;

  it('shows a Deployment that fits the service', () => {
    const environment = new Environment();
    const secrets = /# (.*), AUTH_…$/m.exec(text)?.[1]?.split(', ') ?? [];
    const { name, version } = JSON.parse(read('package.json')) as Record<string, string>;

    expect(app?.image).toBe(`${name}:${version}`);
    expect(spec.terminationGracePeriodSeconds * 1000).toBeGreaterThan(environment.SHUTDOWN_DEADLINE_MS);
    expect(app?.ports).toEqual([
      { name: 'http', containerPort: environment.PORT },
      { name: 'health', containerPort: Number(healthPort) },
    ]);
    const { services } = parse(read('docker/docker-compose.production.yml')) as {
      services: { app: { mem_limit: string } };
    };
    expect(app?.resources.limits).toEqual({ memory: services.app.mem_limit.replace('g', 'Gi') });
    expect(Object.keys(app?.resources.requests ?? {})).toEqual(['cpu', 'memory']);
    for (const [probe, path] of [
      [app?.livenessProbe, 'live'],
      [app?.readinessProbe, 'ready'],
    ] as const) {
      expect(probe?.httpGet).toEqual({ path: `/health/${path}`, port: 'health' });
      expect(read('src/health/health.controller.ts')).toContain(`@Get('${path}')`);
    }
    expect(variableNames).toEqual(expect.arrayContaining(secrets));
    expect(secrets.length).toBeGreaterThan(2);
  });

  it('has as many pods as there are replicas while one is replaced, and most of them while machines are emptied', () => {
    const { maxUnavailable, selector: ofBudget } = manifests.PodDisruptionBudget.spec;

    expect(strategy).toEqual({ rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } });
    expect(maxUnavailable).toBe(1);
    expect(replicas).toBeGreaterThan(maxUnavailable);
    for (const labels of [selector.matchLabels, ofBudget.matchLabels, manifests.Service.spec.selector]) {
      expect(labels).toEqual(template.metadata.labels);
    }
  });

  it('has metrics read on the port for probes, which is no part of the Service', () => {
    expect(template.metadata.annotations).toEqual({
      'prometheus.io/scrape': 'true',
      'prometheus.io/path': '/metrics',
      'prometheus.io/port': healthPort,
    });
    expect(manifests.Service.spec.ports).toEqual([{ port: 80, targetPort: 'http' }]);
  });
});

/** The cells of the table whose first line begins so, row by row. */
function cellsBelow(path: string, header: string): string[][] {
  const lines = read(path).split('\n');
  const rows = lines.slice(lines.findIndex((line) => line.startsWith(header)) + 2);
  const end = rows.findIndex((line) => !line.startsWith('|'));
  return rows.slice(0, end).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

function numbered(letter: string, count: number): string[] {
  return Array.from({ length: count }, (_, n) => `${letter}${n + 1}`).sort();
}

describe('docs/reliability.md', () => {
  const faults = [...read('docs/reliability.md').matchAll(/^\| ([FT]\d+) \|.*$/gm)].map(
    ([row, name = '']) => ({
      name,
      row,
      tests: [...row.matchAll(/`(test\/[\w./-]+)`/g)].map(([, path = '']) => path),
    }),
  );

  it('names for each fault a test that carries its name', () => {
    const without = faults.flatMap(({ name, row, tests }) => {
      const isNamed =
        tests.length > 0 &&
        // A title may begin with the name of an attack.
        tests.every((path) => new RegExp(`(['\`]|A\\d+[,:] )${name}(: |',$)`, 'm').test(read(path)));
      return isNamed || row.includes('not tested:') ? [] : [name];
    });

    // One of each: what was meant to be looked at is not forgotten.
    const all = [...numbered('F', 59), ...numbered('T', 13)];
    expect(faults.map(({ name }) => name).sort()).toEqual(all.sort());
    expect(without).toEqual([]);
  });

  it('names for each fault a test that holds a figure of it to a target', () => {
    const isHeld = (name: string, code: string) => {
      const figures = code.split(/\bfigure\(\s*/).slice(1);
      const calls = figures.map((rest) => rest.split(';\n')[0] ?? '');
      // Tests of several faults have them in a table.
      const names = code.includes(`'${name}',\n`) ? [`'${name}',`, 'row,'] : [`'${name}',`];
      return calls.some(
        (call) => names.some((one) => call.startsWith(one)) && /\bat(Most|Least):/.test(call),
      );
    };
    const without = faults.filter(({ name, tests }) => !tests.some((path) => isHeld(name, read(path))));

    expect(without.map(({ name }) => name)).toEqual([]);
  });
});

describe('the history check', () => {
  const names = (header: string) =>
    cellsBelow('docs/reliability.md', header).map(([name = '']) => name.replaceAll('`', ''));
  const usage = read('scripts/history.mjs').split('`')[1] ?? '';
  /** What the text says of an option, its further lines included. */
  const told = (option: string) =>
    new RegExp(`^  --${option} .*\\n(?: {10,}.*\\n)*`, 'm').exec(usage)?.[0].match(/[a-z]+(-[a-z]+)+/g) ?? [];

  it('has each route in its document, with its share of the reads', () => {
    const shares = cellsBelow('docs/reliability.md', '| Route | Of 100 reads |').map(([name, share]) => [
      name?.replaceAll('`', ''),
      Number(share),
    ]);

    expect(shares).toEqual(Object.entries(routes));
  });

  it('has each nemesis in its document and in what the command tells of itself', () => {
    expect(names('| Nemesis |')).toEqual(nemesisNames);
    expect(told('nemesis')).toEqual(nemesisNames);
  });

  it('has each planted mistake in its document, with the route that it shows on, and in what the command tells', () => {
    const planted: [string, Planted][] = Object.entries(plantedFaults);
    const rows = cellsBelow('docs/reliability.md', '| Mistake |').map(([name, route]) => [
      name?.replaceAll('`', ''),
      route?.replaceAll('`', ''),
    ]);

    expect(rows).toEqual(planted.map(([name, { route = 'all' }]) => [name, route]));
    expect(told('plant')).toEqual(planted.map(([name]) => name));
  });
});

describe('docs/fault-figures.md', () => {
  const cells = (path: string) =>
    [...read(path).matchAll(/^\| ([FT]\d+) \|.*\|$/gm)].map(([line]) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
  const figures = cells('docs/fault-figures.md');

  it('makes bold what misses its target, and nothing else', () => {
    const wrong = figures.filter(([, , , told = '', target = '']) => {
      const [value, limit] = [told.replaceAll('*', ''), target.slice(1)].map(Number) as [number, number];
      // What is told is rounded: of what seems to be equal it does not say which is more.
      if (target !== '' && value === limit) return false;
      const isMissed = target !== '' && !(target.startsWith('≤') ? value < limit : value > limit);
      return told.startsWith('**') !== isMissed;
    });

    expect(figures.length).toBeGreaterThan(200);
    expect(wrong).toEqual([]);
  });

  it('has the figures that docs/reliability.md counts', () => {
    const outcomes = cells('docs/reliability.md').map(([row, , , outcome]) => [row, outcome]);
    const counted = outcomes.map(([row]) => {
      const own = figures.filter(([of]) => of === row);
      const missed = own.filter(([, , , told = '']) => told.startsWith('**')).length;
      const told = `${own[0]?.[1]}: ${own.length} ${own.length === 1 ? 'figure' : 'figures'}`;
      return [row, own.length === 0 ? '' : told + (missed > 0 ? `, **${missed} missed**` : '')];
    });

    expect(outcomes).toEqual(counted);
  });
});

describe('docs/security.md', () => {
  const path = 'docs/security.md';

  it('names settings with the defaults that they have in production', () => {
    const production = new Map<string, unknown>(
      Object.entries(
        readEnvironment({
          NODE_ENV: 'production',
          DATABASE_URL: 'postgres://h/x',
          AUTH_JWT_SECRET: 'x'.repeat(32),
        }),
      ),
    );
    const documented = rows(path).filter(({ name }) => /^[A-Z_]+$/.test(name));

    expect(documented.length).toBeGreaterThan(10);
    for (const { name, row } of documented.filter(({ name }) => name !== 'AUTH_JWT_SECRET')) {
      expect(variableNames).toContain(name);
      const value = production.get(name);
      const isNone = value === undefined || (Array.isArray(value) && value.length === 0);
      expect([name, row.split('|')[2]]).toEqual([
        name,
        expect.stringContaining(isNone ? ' none' : ` \`${JSON.stringify(value)}\``),
      ]);
    }
  });

  it('names every setting that limits something', () => {
    const limits = variableNames.filter((name) => /^(RATE_LIMIT|MAX|API_DOCS)_/.test(name));

    expect(limits.filter((name) => !read(path).includes(`\`${name}\``))).toEqual([]);
  });

  it('names for each attack a test that carries its name', () => {
    const attacks = [...read(path).matchAll(/^\| ([AF]\d+): .*$/gm)];
    const without = attacks.flatMap(([row, name = '']) => {
      const tests = [...row.matchAll(/`((?:src|test)\/[\w./-]+)`/g)].map(([, file = '']) => file);
      return tests.length > 0 && tests.every((file) => read(file).includes(`'${name}: `)) ? [] : [name];
    });

    const names = attacks.flatMap(([, name = '']) => (name.startsWith('A') ? [name] : []));
    expect(names.sort()).toEqual(numbered('A', 37));
    expect(without).toEqual([]);
  });
});

describe('README.md', () => {
  it('names only commands that package.json has, and all that somebody would type', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const hooks = Object.keys(scripts).filter((name) => /^(pre|post)/.test(name));
    const steps = ['build', 'format'];
    const typed = Object.keys(scripts).filter((name) => ![...hooks, ...steps].includes(name));

    const named = [...read('README.md').matchAll(/npm (?:run )?([\w:]+)/g)].map(([, name]) => name);

    expect([...new Set(named)].filter((name) => name && name in scripts).sort()).toEqual(typed.sort());
    for (const path of documents) {
      for (const [, name = ''] of read(path).matchAll(/npm run (?:-s |--silent )?([\w:]+)/g)) {
        expect([path, Object.keys(scripts)]).toEqual([path, expect.arrayContaining([name])]);
      }
    }
  });
});

describe.each(['README.md', 'docs/caching.md', 'docs/caching-reference.md', 'docs/caching-testing.md'])(
  '%s',
  (path) => {
    it('shows only code that is in the sources', () => {
      const sources = ['src', 'test/fixtures']
        .flatMap((folder) => filesBelow(folder))
        .filter((name) => /(\.(controller|module|test)|foreign-app\/src\/books)\.ts$/.test(name))
        .map((name) => flat(read(name)));
      const shown = [...read(path).matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code = '']) => flat(code));

      expect(shown.length).toBeGreaterThan(0);
      for (const code of shown) {
        expect([code, sources.some((source) => source.includes(code))]).toEqual([code, true]);
      }
    });
  },
);

it('docs/architecture.md has files of the cache read that are there', () => {
  const order = section('docs/architecture.md', 'What to read, in which order');
  const named = [...order.matchAll(/`([\w./-]+\.ts)`/g)].map(([, name = '']) => name);

  expect(named.length).toBeGreaterThan(0);
  expect(named.filter((name) => !existsSync(join(root, 'src/cache', name)))).toEqual([]);
});

describe.each(documents)('%s', (path) => {
  const text = read(path);
  const prose = text.replace(/^```.*?^```/gms, '');

  it('names only files that are there', () => {
    const named = [...text.matchAll(/(?<![\w/.-])((?:src|test|scripts|docker|docs)\/[\w./-]*\w\/?)/g)].map(
      ([, name = '']) => name,
    );

    expect(named.filter((name) => !existsSync(join(root, name)))).toEqual([]);
  });

  it('names only programs that the build makes of the sources', () => {
    const built = [...text.matchAll(/(?<=node )dist\/(?:bundle\/)?([\w./-]+)\.js/g)].map(
      ([, name = '']) => name,
    );

    expect(built.filter((name) => !existsSync(join(root, 'src', `${name}.ts`)))).toEqual([]);
  });

  it('links only to what is there', () => {
    const links = [...prose.matchAll(/\]\(([^)\s]+)\)/g)]
      .map(([, link = '']) => link)
      .filter((link) => !/^[a-z]+:/.test(link));

    const broken = links.filter((link) => {
      const [file = '', heading] = link.split('#');
      const target = file === '' ? path : relative(root, resolve(root, dirname(path), file));
      if (!existsSync(join(root, target))) return true;
      return heading !== undefined && !anchorsOf(target).includes(heading);
    });

    expect(broken).toEqual([]);
  });
});
