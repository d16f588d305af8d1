import { createRequire } from 'node:module';

/** What class-transformer remembers of its decorators, as far as it is asked here. */
interface TransformerMetadata {
  findExposeMetadata(type: unknown, property: string): { options?: { name?: string } } | undefined;
  findTransformMetadatas(type: unknown, property: string, direction: number): readonly unknown[];
  findTypeMetadata(type: unknown, property: string): { typeFunction?: { length: number } } | undefined;
}

const PLAIN_TO_CLASS = 0;

/** A property, and the decorator that gives it its value. */
export interface Renamed {
  readonly name: string;
  readonly by: '@Transform' | '@Type' | '@Expose';
}

/**
 * The first property whose value does not come as it is from the parameter of its name: `@Expose({ name })` reads
 * another, `@Transform` may read any, and so may a `@Type` that is given the object. A key made from the property's own
 * name would not hold what the handler reads.
 */
export function renamedProperty(type: unknown, inputs: readonly { name: string }[]): Renamed | undefined {
  const metadata = transformerMetadata();
  if (!metadata) return undefined;
  const renamerOf = (name: string): Renamed['by'] | undefined => {
    if (metadata.findTransformMetadatas(type, name, PLAIN_TO_CLASS).length > 0) return '@Transform';
    if ((metadata.findTypeMetadata(type, name)?.typeFunction?.length ?? 0) > 0) return '@Type';
    return (metadata.findExposeMetadata(type, name)?.options?.name ?? name) === name ? undefined : '@Expose';
  };
  for (const { name } of inputs) {
    const by = renamerOf(name);
    if (by) return { name, by };
  }
  return undefined;
}

/**
 * That which Nest's pipes use: in another copy's record is nothing that they would do. Where there is none, nothing is
 * renamed. It keeps its record in a file of its own only.
 */
function transformerMetadata(): TransformerMetadata | undefined {
  try {
    const nest = createRequire(import.meta.url).resolve('@nestjs/common');
    const storage: unknown = createRequire(nest)('class-transformer/cjs/storage.js');
    return (storage as { defaultMetadataStorage?: TransformerMetadata }).defaultMetadataStorage;
  } catch {
    return undefined;
  }
}
