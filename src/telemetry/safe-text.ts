const longest = 2000;
// Controls, and the characters that reorder or break lines in terminals and viewers.
// oxlint-disable-next-line no-control-regex -- these are what must not come through
const unsafe = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;
const password = /(\b[a-z][a-z0-9+.-]*:\/\/[^\s:@/]*):[^\s@]*@/gi;

/** Makes a text one line of at most 2,000 characters, so that no input can forge a line of the log or control a terminal. */
export function oneLine(text: string): string {
  const short = text.length > longest ? `${text.slice(0, longest)}…` : text;
  return short.replace(unsafe, (character) => {
    if (character === '\n') return '\\n';
    if (character === '\t') return ' ';
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

/** Hides passwords in URLs, and the given secrets wherever they stand. */
export function masker(secrets: readonly string[]): (text: string) => string {
  const spelled = secrets
    .flatMap((secret) => [secret, encodeURIComponent(secret)])
    .filter((secret) => secret.length > 3);
  return (text) =>
    spelled.reduce((masked, secret) => masked.replaceAll(secret, '***'), text.replace(password, '$1:***@'));
}

/** The stack of an exception without its text, which may hold anything, even lines that look like frames. */
export function stackWithoutWords({ message, stack }: Error): string | undefined {
  return typeof stack === 'string' ? stack.replace(message, '') : undefined;
}
