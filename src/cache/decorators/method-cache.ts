import { Injectable } from '@nestjs/common';
import { isObservable, lastValueFrom } from 'rxjs';
import { CacheEngine } from '../engine/cache-engine.js';
import type { Produced, Subject } from '../engine/subject.js';
import { methodKeyText, storeKey } from '../engine/cache-key.js';
import { EPOCH, prefixTags } from '../engine/tags.js';
import { decodeValue, encodeValue } from '../engine/value-codec.js';
import { fromRouteArguments } from '../http/declared-inputs.js';
import { isRoute } from '../http/route-metadata.js';
import type { CachedDefinition, InvalidatingDefinition } from './cached-definition.js';
import { storedForm } from './stored-form.js';
import { argumentTags, resultTags } from './tag-rules.js';
import { fromArguments } from './tag-template.js';

/** The stored text of a value, or the value itself where it has no stored form. */
type Kept = { readonly text: string } | { readonly raw: unknown };

/** What decorated methods call: the way from a method's arguments and result to the engine. */
@Injectable()
export class MethodCache {
  constructor(private readonly engine: CacheEngine) {}

  /** The kept value of a provider's method, as a copy, or what it returns now. */
  async cached(definition: CachedDefinition, args: unknown[], run: () => unknown): Promise<unknown> {
    const subject = methodSubject(definition, args);
    if (!subject) return run();
    const kept = await this.engine.getOrSet<Kept>(
      subject,
      async () => produced(definition, args, await run()),
      (entry) => ({ text: entry.body.toString() }),
    );
    return 'text' in kept ? decodeValue(kept.text) : kept.raw;
  }

  /** Runs the method, then invalidates. What cannot be told exactly is told too broadly, never too narrowly. */
  async invalidating(
    definition: InvalidatingDefinition,
    method: object,
    controller: object,
    name: string | symbol,
    args: unknown[],
    run: () => unknown,
  ): Promise<unknown> {
    const returned = await run();
    const result: unknown = isObservable(returned) ? await lastValueFrom(returned) : returned;
    const resolve = isRoute(method) ? fromRouteArguments(controller, name, args) : fromArguments(args);
    let tags: string[];
    try {
      tags = [...argumentTags(definition.rules, resolve), ...resultTags(definition.rules, args, result)];
    } catch {
      tags = [EPOCH];
    }
    await this.engine.invalidate(tags);
    return result;
  }
}

/** @returns `undefined` where an argument has no form that a key could hold */
function methodSubject(definition: CachedDefinition, args: unknown[]): Subject | undefined {
  const { prefix, method, shape, rules } = definition;
  try {
    const keyText = methodKeyText(prefix, method, args);
    return {
      prefix,
      key: storeKey(prefix, keyText),
      keyText,
      shape,
      tags: [...prefixTags(prefix, leadingIds(args)), ...argumentTags(rules, fromArguments(args))],
      hasResultTags: rules.functions.length > 0,
    };
  } catch {
    return undefined;
  }
}

function leadingIds(args: readonly unknown[]): string[] {
  const end = args.findIndex((arg) => typeof arg !== 'string' && typeof arg !== 'number');
  return args.slice(0, end === -1 ? undefined : end).map(String);
}

function produced(definition: CachedDefinition, args: unknown[], result: unknown): Produced<Kept> {
  let text: string;
  try {
    text = encodeValue(result);
  } catch {
    return { value: { raw: result }, isShareable: false, notStoredBecause: 'unserialisable' };
  }
  return storedForm(definition, args, result, text, { text });
}
