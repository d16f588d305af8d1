import type { DecoratedMethod } from '../definition/cached-definition.js';
import type { Faults } from '../definition/faults.js';
import type { TagRules } from '../definition/tag-rules.js';

/** @param isName  whether a placeholder has a value in calls of the method */
export function checkTemplates(
  { definition: { method, rules } }: DecoratedMethod<{ method: string; rules: TagRules }>,
  isName: (placeholder: string) => boolean,
  faults: Faults,
): void {
  for (const template of rules.templates) {
    const unknown = template.names.find((name) => !isName(name));
    if (unknown === undefined) continue;
    faults.add(
      'CACHE_UNKNOWN_TEMPLATE_NAME',
      `${method}: '{${unknown}}' in '${template.toString()}' names nothing that the method declares.`,
    );
  }
}

/** The placeholders of methods that are no routes: `{0}`, `{0.id}`. */
export function isArgument(placeholder: string): boolean {
  return /^\d+(\.\w+)*$/.test(placeholder);
}
