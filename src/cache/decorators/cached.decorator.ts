import { UseGuards, UseInterceptors } from '@nestjs/common';
import { answerRules, type AnswerOptions } from '../definition/answer-options.js';
import type { OfRequest } from '../definition/cache-request.js';
import { cachedDefinition, markCached, type CachedDefinition } from '../definition/cached-definition.js';
import { declaredPolicy, entryOptionNames, type EntryOptions } from '../definition/entry-options.js';
import { Faults } from '../definition/faults.js';
import { checkKinds, checkNames, type OptionKinds, type OptionNames } from '../definition/option-names.js';
import type { Scope } from '../definition/scope.js';
import { tagRules, type AnyMethod, type ResultOf, type TagSource } from '../definition/tag-rules.js';
import type { KeyInputs } from '../engine/cache-key.js';
import { resultTtlMs, type Duration, type ResultTtl } from '../engine/duration.js';
import { checkedPrefix } from '../engine/tags.js';
import { CacheDoor } from '../http/cache-door.guard.js';
import { CacheLoader } from '../http/cache-loader.interceptor.js';
import { recordCall } from '../http/handler-call.js';
import type { MethodCall } from '../methods/method-call.js';
import type { DecoratorOf } from './decorator-of.js';
import { decoratedName, isGenerator, methodName, wrapMethod } from './wrap-method.js';

/** Options of {@link Cached}; all but `ttl` are optional. */
export interface CachedOptions<M extends AnyMethod = AnyMethod> extends EntryOptions, AnswerOptions {
  /**
   * How long a result is kept: seconds (`60`), text with a unit (`'45s'`, `'2m'`), or a function of the result that returns
   * seconds. A result whose function says 0 or less is not kept.
   */
  ttl: ResultTtl<ResultOf<M>>;
  /** First part of the key; `[a-z0-9_]`, unique in the application. Default: the method's name in snake case. */
  prefix?: string;
  /**
   * Who shares an answer. `shared`: everyone whom the guards let through. `user`, `tenant`: all requests of one principal or
   * one tenant, whose id becomes part of the key. Required on a route behind a guard; a provider that is request-scoped, or
   * one of several of its class, must say `shared`. Default, on a route without a guard: everyone who asks without
   * `Authorization`. A request with it is answered past the cache, unless `visibility` is `public`.
   */
  scope?: Scope;
  /** What the answer depends on, beside its own prefix: templates, or functions of arguments and result. */
  tags?: TagSource<M> | readonly TagSource<M>[];
  /**
   * The families of the tags that functions name, such as `roster`. With them the report at start finds invalidations of
   * misspelt tags. A result whose function names a tag of another family is not stored. Default: any family.
   */
  families?: readonly string[];
  /** When this returns true, the result is given but not stored. Default: every result is stored. */
  unless?: (result: ResultOf<M>) => boolean;
  /** For a route that reads the raw request: returns what the key is made of. Default: the inputs that its handler declares. */
  key?: OfRequest<KeyInputs>;
  /**
   * Whether some hits are audited: compared with what the method gives now, behind the answer. A function picks what of the
   * result is compared: leave out what changes without a write, such as the present time. Of a route it is given the parsed
   * JSON. Default: all of the result where there are `tags`, else no audits.
   */
  audit?: boolean | ((result: ResultOf<M>) => unknown);
  /**
   * A name for the form of the result. Change it when the form changes, so that entries of the old form are not read. Default:
   * for a route what the module's `shapeOf` says, else none.
   */
  shape?: string;
}

const optionNames: OptionNames<CachedOptions> = {
  ttl: true,
  prefix: true,
  scope: true,
  tags: true,
  families: true,
  unless: true,
  key: true,
  audit: true,
  shape: true,
  visibility: true,
  clientMaxAge: true,
  mayBypass: true,
  store: true,
  negativeTtl: true,
  ...entryOptionNames,
};

const optionKinds: OptionKinds<CachedOptions> = {
  unless: 'a function',
  key: 'a function',
  audit: 'true, false or a function',
  shape: 'a text',
  mayBypass: 'a function',
};

/**
 * Caches what a method answers.
 *
 * On a controller's route the HTTP answer is kept, as the bytes that were sent, and a hit runs guards only. On a method
 * of any provider the value is kept, and every caller gets a copy. Errors are not kept, except 404s by `negativeTtl`;
 * `null`, `0`, `''` and `false` are values like any other.
 *
 * @param options  a TTL in seconds or as text such as `'45s'`, or {@link CachedOptions}
 * @throws {CacheBootError} when the application starts, for all that is wrong with any decorator: see docs/errors.md
 * @example `@Cached({ ttl: 60, scope: 'shared', tags: ['course:{course_id}'] })`
 */
export function Cached<M extends AnyMethod = AnyMethod>(
  options: Duration | CachedOptions<M>,
): DecoratorOf<M> {
  return (target: object, name: string | symbol, descriptor: PropertyDescriptor) => {
    // From JavaScript it may be null.
    const isWhole = typeof options === 'object' && (options as unknown) !== null;
    const given = (isWhole ? options : { ttl: options }) as CachedOptions;
    const definition = define(given, decoratedName(target, name, descriptor), String(name));
    if (isGenerator(descriptor.value as object)) {
      definition.faults.add(
        'CACHE_INVALID_OPTIONS',
        `${definition.methodName} is a generator, of which nothing can be kept. Cache a method that gives a list.`,
      );
    }
    if (cachedDefinition(descriptor.value as object)) {
      definition.faults.add('CACHE_INVALID_OPTIONS', `${definition.methodName} has two @Cached.`);
    }
    const wrapper = wrapMethod(target, descriptor, (cache, call) =>
      cache.isRoute(definition, call.wrapper)
        ? recordCall(call.args, call.run)
        : cache.cached(definition, keyName(definition, name, call), call),
    );
    markCached(wrapper, definition);
    UseGuards(CacheDoor)(target, name, descriptor);
    UseInterceptors(CacheLoader)(target, name, descriptor);
  };
}

/**
 * The method's name in keys, with the name of the object's own class, so that each subclass has values of its own. A method
 * that an override calls by `super` counts as another, which may have the same prefix.
 */
function keyName(
  { methodName: declared }: CachedDefinition,
  name: string | symbol,
  { self, wrapper }: MethodCall,
): string {
  const own = methodName(self, name);
  const isOutermost = (self as Record<string | symbol, unknown>)[name] === wrapper;
  return isOutermost || own === declared ? own : `${own} of ${declared}`;
}

function define(options: CachedOptions, where: string, name: string): CachedDefinition {
  const faults = new Faults();
  const prefix = options.prefix ?? name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  faults.attempt(() => checkedPrefix(prefix, where));
  faults.attempt(() => {
    checkNames(options, optionNames, where);
    checkKinds(options, optionKinds, where);
  });
  const { ttl, unless, scope } = options;
  if (scope !== undefined && !['shared', 'user', 'tenant'].includes(scope)) {
    faults.add(
      'CACHE_INVALID_OPTIONS',
      `${where}: scope is 'shared', 'user' or 'tenant', and not '${scope as string}'.`,
    );
  }
  const ttlMs = faults.attempt(() => resultTtlMs<unknown>(ttl, `${where}, ttl`)) ?? (() => 0);
  return {
    methodName: where,
    prefix,
    shape: options.shape ?? '',
    rules: tagRules(options.tags ?? [], options.families, where, faults),
    policy: faults.attempt(() => declaredPolicy(options, where)) ?? {},
    answers: faults.attempt(() => answerRules(options, scope, where)) ?? { storedHeaders: [] },
    audit: options.audit ?? [options.tags ?? []].flat().length > 0,
    declaredTtlMs: typeof ttl === 'function' ? 0 : ttlMs(undefined),
    ttlMs,
    unless: (result) => unless?.(result) ?? false,
    ...(scope && { scope }),
    ...(options.key && { key: options.key }),
    faults,
  };
}
