import type { EntityManager, EntityTarget, FindManyOptions, ObjectLiteral } from 'typeorm';

/**
 * The row with a unique key, in one statement: `findOne` makes two where there are relations. Not for what is locked: there
 * the second sees the relations as they are when the first has waited.
 */
export async function findUnique<Row extends ObjectLiteral>(
  manager: EntityManager,
  entity: EntityTarget<Row>,
  options: Required<Pick<FindManyOptions<Row>, 'where' | 'relations'>>,
): Promise<Row | null> {
  const [row] = await manager.find(entity, options);
  return row ?? null;
}
