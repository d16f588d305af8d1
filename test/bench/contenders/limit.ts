import { Controller, Get, Param, type Type } from '@nestjs/common';
import { bodyOf, ids, sizes } from '../bodies.js';
import { Guarded, serve, type Adapter, type Contender } from '../application.js';

/** What no cache in Nest can be expected to beat: a handler that returns what lies ready, 50 bodies in turn. */
export function limit(
  description: string,
  {
    isGuarded,
    adapter = 'fastify',
    as = 'buffer',
  }: { isGuarded: boolean; adapter?: Adapter; as?: 'buffer' | 'text' },
): Contender {
  return {
    description,
    start: () => serve({ controllers: [limitController(isGuarded, as)] }, adapter),
  };
}

function limitController(isGuarded: boolean, as: 'buffer' | 'text'): Type {
  const ready = new Map<string, (Buffer | string)[]>();
  for (const size of sizes) {
    const texts = Array.from({ length: ids }, (_, id) => bodyOf(size, id));
    ready.set(String(size), as === 'buffer' ? texts.map((text) => Buffer.from(text)) : texts);
  }

  @Controller('courses')
  class LimitController {
    @Get(':size/:id')
    @Guarded(isGuarded)
    course(@Param('size') size: string, @Param('id') id: string): Buffer | string | undefined {
      return ready.get(size)?.[Number(id)];
    }
  }
  return LimitController;
}
