import { applyDecorators } from '@nestjs/common';
import { of, type Observable } from 'rxjs';
import { cachedDefinition, invalidatingDefinition } from '../definition/cached-definition.js';
import { Cached } from './cached.decorator.js';
import { InvalidateCache } from './invalidate-cache.decorator.js';

const methodOf = <T extends object>(type: { prototype: T }, name: keyof T) => type.prototype[name] as object;

/* What is not to compile is marked so: where it did, the marks would be errors. */

it('a decorator with a method’s type goes on methods of that form only', () => {
  class Shelf {
    @Cached<Shelf['count']>({ ttl: (count) => count })
    count(_room: string, _row?: number): Promise<number> {
      return Promise.resolve(1);
    }

    @Cached<Shelf['count']>({ prefix: 'sum', ttl: (count) => count })
    ofFewerArguments(): Promise<number> {
      return this.count('');
    }

    // @ts-expect-error: of another result
    @Cached<Shelf['count']>({ ttl: (count) => count })
    names(_room: string): string[] {
      return [];
    }

    @Cached<Shelf['many']>({ prefix: 'many', ttl: (count) => count })
    many(...rooms: string[]): number {
      return rooms.length;
    }

    // @ts-expect-error: of another result
    @Cached<Shelf['many']>({ prefix: 'many_names', ttl: (count) => count })
    manyNames(...rooms: string[]): string[] {
      return rooms;
    }

    @Cached<Shelf['watched']>({ ttl: 60, prefix: 'watched', tags: (_, { id }) => [`book:${id}`] })
    watched(id: string): Observable<{ id: string }> {
      return of({ id });
    }

    @InvalidateCache<Shelf['add']>({ tags: ([book]) => [`book:${book.id}`] })
    add(_book: { id: string }): void {
      return;
    }

    // @ts-expect-error: of other arguments
    @InvalidateCache<Shelf['add']>({ tags: ([book]) => [`book:${book.id}`] })
    remove(_id: string): void {
      return;
    }
  }

  expect(cachedDefinition(methodOf(Shelf, 'count'))?.prefix).toBe('count');
  expect(cachedDefinition(methodOf(Shelf, 'ofFewerArguments'))?.prefix).toBe('sum');
  expect(invalidatingDefinition(methodOf(Shelf, 'add'))).toBeDefined();
});

it('one without goes on every method, and into applyDecorators', () => {
  const Kept = (seconds: number) => applyDecorators(Cached(seconds), InvalidateCache('shelf'));
  class Shelf {
    @Kept(60)
    names(_room: string): string[] {
      return [];
    }
  }

  expect(cachedDefinition(methodOf(Shelf, 'names'))?.ttlMs(undefined)).toBe(60_000);
  expect(invalidatingDefinition(methodOf(Shelf, 'names'))).toBeDefined();
});
