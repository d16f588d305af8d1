import { Controller, Get, Param, Post } from '@nestjs/common';
import { startCachedApp } from '../../test/support/cached-app.js';
import { Cached, CacheGraph, InvalidateCache, type CacheReport } from '../cache/index.js';
import { diagnosisOf, ending } from './cache-doctor.js';
import { outcomeOfFailure } from './run-command.js';

@Controller('books')
class Books {
  @Get(':id')
  @Cached({ ttl: 60, prefix: 'book', tags: ['book:{id}'] })
  read(@Param('id') id: string) {
    return { id };
  }
}

@Controller('shelves')
class Shelves {
  @Post(':id')
  @InvalidateCache({ tags: () => ['shelf:1'], families: ['shelf'] })
  write() {
    return {};
  }
}

@Controller('readers')
class Readers {
  @Post(':id')
  @InvalidateCache('reader:{id}')
  write(@Param('id') id: string) {
    return { id };
  }
}

type Controllers = NonNullable<Parameters<typeof startCachedApp>[0]['controllers']>;

async function reportOf(...controllers: Controllers): Promise<CacheReport> {
  const { app } = await startCachedApp({ controllers });
  const report = app.get(CacheGraph).report();
  await app.close();
  return report;
}

describe('cache:doctor', () => {
  it('ends with 0 where nothing is wrong for certain, whatever else looks strange', async () => {
    const report = await reportOf(Books);

    expect(report.warnings.map(({ kind }) => kind)).toContain('never-invalidated');
    expect(diagnosisOf(report, 'the report')).toEqual({
      text: 'the report',
      stream: 'stdout',
      exitCode: 0,
    });
  });

  it('ends with 1 where an invalidation hits nothing, and prints the report all the same', async () => {
    const report = await reportOf(Books, Shelves);

    expect(report.warnings.filter(({ isHard }) => isHard)).toMatchObject([{ methods: ['Shelves.write'] }]);
    expect(diagnosisOf(report, 'the report')).toEqual({
      text: 'the report',
      stream: 'stdout',
      exitCode: 1,
    });
  });

  it('ends with 1 where the decorators keep the application from starting, and says what is wrong with them', async () => {
    const error: unknown = await reportOf(Books, Readers).catch((refused: unknown) => refused);

    expect(outcomeOfFailure(error, ending)).toEqual({
      text: expect.stringMatching(
        /^The cache could answer wrongly.*\n {2}CACHE_PATTERN_MATCHES_NOTHING .*Readers/,
      ),
      stream: 'stderr',
      exitCode: 1,
    });
  });

  it.each([
    ['without a code', new TypeError('of ours')],
    ['of the system', Object.assign(new Error('of the system'), { code: 'EACCES' })],
  ])('leaves to Node to print what it does not know: an error %s', (_, failure) => {
    expect(() => outcomeOfFailure(failure, ending)).toThrow(failure);
  });
});
