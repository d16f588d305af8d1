/** Guards, interceptors and pipes of routes, as Nest keeps them until it captures them. */
const GUARDS = '__guards__';
const INTERCEPTORS = '__interceptors__';
const PIPES = '__pipes__';

/** @param holder  a controller's class, or its method */
export function guardsOf(holder: object): unknown[] {
  return listOf(GUARDS, holder);
}

export function interceptorsOf(holder: object): unknown[] {
  return listOf(INTERCEPTORS, holder);
}

export function pipesOf(holder: object): unknown[] {
  return listOf(PIPES, holder);
}

/** Each guard stands once: where it was, it is moved. */
export function putLastGuard(holder: object, guard: unknown): void {
  Reflect.defineMetadata(GUARDS, [...others(GUARDS, holder, guard), guard], holder);
}

/** Each interceptor stands once: where it was, also as another application's in this process, it is moved. */
export function putFirstInterceptor(holder: object, interceptor: unknown): void {
  Reflect.defineMetadata(INTERCEPTORS, [interceptor, ...others(INTERCEPTORS, holder, interceptor)], holder);
}

function others(key: string, holder: object, item: unknown): unknown[] {
  const isItem = (other: unknown) =>
    other === item || (typeof item === 'object' && item !== null && other instanceof item.constructor);
  return listOf(key, holder).filter((other) => !isItem(other));
}

function listOf(key: string, holder: object): unknown[] {
  return (Reflect.getMetadata(key, holder) ?? []) as unknown[];
}
