/** A key as the source had it. Each write makes its version one more. */
export interface Versioned {
  readonly key: number;
  readonly version: number;
}

/**
 * What is read, and how many of a hundred reads ask for it. Each route depends on what it answers in another way:
 *
 * - `version`: by a tag that names the key
 * - `own`: as `version`, and each user has an answer of his own
 * - `shelved`: by a tag that only the result names
 * - `pair`: by two tags, of two keys
 * - `listed`: by its prefix, of which a part is invalidated
 */
export const routes = { version: 60, own: 15, shelved: 5, pair: 10, listed: 10 } as const;

export type RouteName = keyof typeof routes;
export const routeNames = Object.keys(routes) as RouteName[];

export const USERS = 3;

/** What a reader asks for. */
export interface Question {
  readonly route: RouteName;
  readonly key: number;
  /** On `pair`. */
  readonly other?: number;
  /** On `own`. */
  readonly user?: number;
}

/** What a route answers: to which question, and what the source had. */
export interface RouteAnswer extends Versioned {
  readonly route: RouteName;
  readonly user?: number;
  readonly other?: Versioned;
}

/** @param keys how many there are */
export function randomQuestion(key: number, keys: number, random: () => number): Question {
  const route = randomRoute(random() * 100);
  if (route === 'own') return { route, key, user: Math.floor(random() * USERS) };
  if (route === 'pair') return { route, key, other: (key + 1) % keys };
  return { route, key };
}

function randomRoute(percent: number): RouteName {
  let upTo = 0;
  return routeNames.find((name) => percent < (upTo += routes[name])) ?? 'version';
}

export function pathOf({ route, key, other, user }: Question): string {
  const paths: Record<RouteName, string> = {
    version: `/versions/${key}`,
    own: `/own/${key}?user=${user}`,
    shelved: `/shelved/${key}`,
    pair: `/pairs/${key}/${other}`,
    listed: `/listed/${key}`,
  };
  return paths[route];
}
