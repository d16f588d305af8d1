import { readFileSync } from 'node:fs';

/** Parameters of the URL that name files; `pg` reads them with each connection. */
const files = { sslrootcert: 'ca.pem', sslcert: 'client.pem', sslkey: 'client.key' } as const;

/** All that a URL may carry: who connects, how, and where a Unix socket is. What limits us is set by variables of its own. */
const known: readonly string[] = [
  ...Object.keys(files),
  ...['ssl', 'sslmode', 'sslnegotiation', 'uselibpqcompat'],
  ...['user', 'host', 'port', 'application_name', 'fallback_application_name', 'options'],
  // Those of libpq in the URLs of managed databases; `pg` does not read them.
  ...['channel_binding', 'connect_timeout', 'target_session_attrs'],
];

/** What is wrong with the parameters of a PostgreSQL URL, or with a password that ends too early, as a sentence without its subject; `undefined` if nothing is. */
export function faultOfDatabaseUrl(text: string): string | undefined {
  if (!URL.canParse(text)) return undefined;
  const { searchParams, pathname, hash } = new URL(text);
  // What stands before it is then taken for the host, so it would be looked up and told as one.
  if (hash !== '' || /[/@]/.test(pathname.slice(1)))
    return 'must not have a #, nor a / or @ in the name of the database: in a password they are %23, %2F and %40, for example postgres://app:a%23b@db:5432/learning';
  const unknown = [...searchParams.keys()].find((name) => !known.includes(name));
  if (unknown !== undefined) {
    const which = /^\w{1,40}$/.test(unknown) ? `the parameter ${unknown}` : 'parameters of other names';
    return `must not have ${which}, but may have ${known.join(', ')}, for example sslmode=verify-full; time limits have variables such as DATABASE_STATEMENT_TIMEOUT_MS`;
  }
  for (const [name, example] of Object.entries(files)) {
    const path = searchParams.get(name);
    const code = path ? whyUnreadable(path) : undefined;
    if (code !== undefined)
      return `must name a file that can be read as ${name} (${code}), for example ${name}=/run/secrets/${example}`;
  }
  return undefined;
}

/**
 * The same, with the one word for what `pg` does for several of them, of which it warns: it checks the certificate and the host.
 * With `uselibpqcompat` they mean what they mean to others.
 */
export function withCheckedTls(text: string): string {
  if (/[?&]uselibpqcompat=true(&|$)/.test(text)) return text;
  return text.replace(/([?&]sslmode=)(?:prefer|require|verify-ca)(?=&|$)/g, '$1verify-full');
}

function whyUnreadable(path: string): string | undefined {
  try {
    readFileSync(path);
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'unknown';
  }
}
