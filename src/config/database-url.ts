import { readFileSync } from 'node:fs';

/** Parameters of the URL that name files; `pg` reads them with each connection. */
const files = { sslrootcert: 'ca.pem', sslcert: 'client.pem', sslkey: 'client.key' } as const;

/** What is wrong with the parameters of a PostgreSQL URL, as a sentence without its subject; `undefined` if nothing is. */
export function faultOfDatabaseUrl(text: string): string | undefined {
  if (!URL.canParse(text)) return undefined;
  const { searchParams } = new URL(text);
  for (const [name, example] of Object.entries(files)) {
    const path = searchParams.get(name);
    const code = path ? whyUnreadable(path) : undefined;
    if (code !== undefined)
      return `must name a file that can be read as ${name} (${code}), for example ${name}=/run/secrets/${example}`;
  }
  return undefined;
}

function whyUnreadable(path: string): string | undefined {
  try {
    readFileSync(path);
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'unknown';
  }
}
