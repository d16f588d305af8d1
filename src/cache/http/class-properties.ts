interface ValidationMetadata {
  getTargetValidationMetadatas: (
    ...args: [type: unknown, schema: string, ...flags: boolean[]]
  ) => { propertyName: string }[];
}

/** The accepted properties of a query or body class, from class-validator or the Swagger plugin, whichever is in use. */
export function classProperties(type: unknown): string[] | undefined {
  if (typeof type !== 'function' || type === Object) return undefined;
  const storage = (globalThis as { classValidatorMetadataStorage?: ValidationMetadata })
    .classValidatorMetadataStorage;
  const validated =
    storage?.getTargetValidationMetadatas(type, '', false, false).map((entry) => entry.propertyName) ?? [];
  const { _OPENAPI_METADATA_FACTORY: described } = type as { _OPENAPI_METADATA_FACTORY?: () => object };
  if (!described && validated.length === 0) return undefined;
  return [...new Set([...validated, ...Object.keys(described?.() ?? {})])];
}
