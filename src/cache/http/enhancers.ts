/** Guards and interceptors of routes, as Nest keeps them until it captures them. */
const GUARDS = '__guards__';
const INTERCEPTORS = '__interceptors__';

/** @param holder  a controller's class, or its method */
export function guardsOf(holder: object): unknown[] {
  return listOf(GUARDS, holder);
}

export function interceptorsOf(holder: object): unknown[] {
  return listOf(INTERCEPTORS, holder);
}

/** Each guard stands once: where it was, it is moved. */
export function putLastGuard(holder: object, guard: unknown): void {
  Reflect.defineMetadata(GUARDS, [...others(GUARDS, holder, guard), guard], holder);
}

/** Each interceptor stands once: where it was, it is moved. */
export function putFirstInterceptor(holder: object, interceptor: unknown): void {
  Reflect.defineMetadata(INTERCEPTORS, [interceptor, ...others(INTERCEPTORS, holder, interceptor)], holder);
}

function others(key: string, holder: object, item: unknown): unknown[] {
  return listOf(key, holder).filter((other) => other !== item);
}

function listOf(key: string, holder: object): unknown[] {
  return (Reflect.getMetadata(key, holder) ?? []) as unknown[];
}
