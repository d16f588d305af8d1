// The routes of the small service; see routes.ts. Decorators are put together once, as the process was told to be.
import {
  Controller,
  createParamDecorator,
  Get,
  Inject,
  Param,
  Post,
  type ExecutionContext,
} from '@nestjs/common';
import { Cached, CacheService, InvalidateCache } from '../../src/cache/index.js';
import type { RouteAnswer, Versioned } from './routes.js';
import { Versions } from './versions.js';

const { CONSISTENCY, PLANTED } = process.env;
const kept = { ttl: 600, consistency: CONSISTENCY === 'bounded' ? 'bounded' : 'strong' } as const;

/** Whoever says so is that user. */
export function userOf({ query }: { readonly query: { readonly user?: string } }): string | undefined {
  return query.user;
}

export const CurrentUser = createParamDecorator((_: unknown, context: ExecutionContext) =>
  userOf(context.switchToHttp().getRequest()),
);

/**
 * The shelf on which a key lies, as a tag; nothing but a result is asked for it. It stays: were it another one after each
 * write, an acknowledged write would have to name also what one before it leaves that nobody has acknowledged yet.
 */
function shelfOf({ key }: Versioned): string {
  return `shelf:${key}`;
}

@Controller()
export class ReadsController {
  constructor(@Inject(Versions) private readonly versions: Versions) {}

  @Get('versions/:key')
  @Cached({ ...kept, prefix: 'version', tags: ['version:{key}'] })
  async version(@Param('key') key: string): Promise<RouteAnswer> {
    return { route: 'version', ...(await this.versions.read(key)) };
  }

  @Get('own/:key')
  @Cached({ ...kept, prefix: 'own', scope: 'user', tags: ['version:{key}'] })
  async own(@Param('key') key: string, @CurrentUser() user: string): Promise<RouteAnswer> {
    return { route: 'own', user: Number(user), ...(await this.versions.read(key)) };
  }

  @Get('shelved/:key')
  @Cached<ReadsController['shelved']>({
    ...kept,
    prefix: 'shelved',
    tags: (_, row) => [shelfOf(row)],
    families: ['shelf'],
  })
  async shelved(@Param('key') key: string): Promise<RouteAnswer> {
    return { route: 'shelved', ...(await this.versions.read(key)) };
  }

  @Get('pairs/:key/:other')
  @Cached({
    ...kept,
    prefix: 'pair',
    tags: ['version:{key}', ...(PLANTED === 'forgets-the-second-tag' ? [] : ['version:{other}'])],
  })
  async pair(@Param('key') key: string, @Param('other') other: string): Promise<RouteAnswer> {
    const [first, second] = await this.versions.readPair(key, other);
    return { route: 'pair', ...first, other: second };
  }

  @Get('listed/:key')
  @Cached({ ...kept, prefix: 'listed' })
  async listed(@Param('key') key: string): Promise<RouteAnswer> {
    return { route: 'listed', ...(await this.versions.read(key)) };
  }
}

@Controller('versions')
export class WritesController {
  constructor(@Inject(Versions) private readonly versions: Versions) {}

  @Post(':key')
  @InvalidateCache<WritesController['write']>({
    tags: [
      'version:{key}',
      ...(PLANTED === 'forgets-the-prefix' ? [] : ['listed:{key}:*']),
      (_, row) => (PLANTED === 'forgets-the-result' ? [] : [shelfOf(row)]),
    ],
    families: ['shelf'],
  })
  write(@Param('key') key: string): Promise<Versioned> {
    return this.versions.write(key);
  }
}

/** The mistake that everybody makes once. */
@Controller('versions')
export class InvalidatesFirstController {
  constructor(
    @Inject(CacheService) private readonly cache: CacheService,
    @Inject(Versions) private readonly versions: Versions,
  ) {}

  @Post(':key')
  async write(@Param('key') key: string): Promise<Versioned> {
    await this.cache.invalidate(`version:${key}`, `listed:${key}:*`, `shelf:${key}`);
    return this.versions.write(key);
  }
}
