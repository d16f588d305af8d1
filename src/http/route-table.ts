import type { RouteOptions } from 'fastify';

/** Remembers the routes that Fastify gets, to tell a wrong method from a wrong path. */
export class RouteTable {
  readonly #methodsByPath = new Map<string, Set<string>>();

  add({ url, method }: Pick<RouteOptions, 'url' | 'method'>): void {
    // The route for preflights: it fits every path, known or not.
    if (url === '*') return;
    const methods = this.#methodsByPath.get(url) ?? new Set();
    for (const one of [method].flat()) methods.add(one);
    this.#methodsByPath.set(url, methods);
  }

  /** The methods that the path answers to, in alphabetical order; none if there is no such path. */
  methodsOf(path: string): string[] {
    const segments = path.split('/').map(decoded);
    const found = new Set<string>();
    for (const [pattern, methods] of this.#methodsByPath) {
      if (fits(pattern.split('/'), segments)) methods.forEach((method) => found.add(method));
    }
    return [...found].sort();
  }
}

function fits(pattern: readonly string[], segments: readonly string[]): boolean {
  if (pattern.at(-1) === '*')
    return (
      segments.length >= pattern.length && fits(pattern.slice(0, -1), segments.slice(0, pattern.length - 1))
    );
  return (
    pattern.length === segments.length &&
    pattern.every((part, index) => fitsSegment(part, segments[index] ?? ''))
  );
}

/** Decodes as the router does: characters such as an encoded `/` stay encoded. */
function decoded(segment: string): string {
  try {
    return decodeURI(segment);
  } catch {
    return segment;
  }
}

/** In a pattern `:name` is any segment, and `::` a colon. */
function fitsSegment(part: string, segment: string): boolean {
  if (/^:(?!:)/.test(part)) return segment !== '';
  return part.replaceAll('::', ':') === segment;
}
