import type { Environment } from './environment.js';

/** Every value of the settings that must never be written anywhere. */
export function secretsOf({
  DATABASE_URL,
  REDIS_URL,
  REDIS_PASSWORD,
  AUTH_JWT_SECRET,
}: Environment): string[] {
  const inUrls = [DATABASE_URL, REDIS_URL].flatMap((url) =>
    url && URL.canParse(url) ? passwordsIn(new URL(url)) : [],
  );
  return [REDIS_PASSWORD, AUTH_JWT_SECRET, ...inUrls].filter((secret) => secret !== undefined);
}

function passwordsIn({ password }: URL): string[] {
  if (password === '') return [];
  try {
    return [password, decodeURIComponent(password)];
  } catch {
    return [password];
  }
}
