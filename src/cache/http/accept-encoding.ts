/** Content codings that bodies are kept in, the better one first. */
const codings = ['br', 'gzip'] as const;
export type Coding = (typeof codings)[number];

const NONE: readonly Coding[] = [];

/** Clients send few different values; what is longer than any browser's is read again each time. */
const known = new Map<string, readonly Coding[]>();
const MAX_KNOWN = 200;
const MAX_KNOWN_LENGTH = 100;
/** Characters. What is longer would cost more to read than it could save: the bare body is always right. */
const MAX_LENGTH = 1000;

/**
 * The codings that a client likes at least as much as the bare body, best first. One that does not send
 * `Accept-Encoding` gets the bare body, and so does one that refuses all we have, which a server may disregard, or sends more
 * than anybody means.
 *
 * @see RFC 9110 sections 12.4.1 and 12.5.3
 */
export function acceptedCodings(header: string | string[] | undefined): readonly Coding[] {
  if (header === undefined) return NONE;
  const text = typeof header === 'string' ? header : header.join(',');
  if (text.length > MAX_LENGTH) return NONE;
  const before = known.get(text);
  if (before) return before;
  const accepted = parse(text);
  if (known.size < MAX_KNOWN && text.length <= MAX_KNOWN_LENGTH) known.set(text, accepted);
  return accepted;
}

function parse(header: string): readonly Coding[] {
  const weights = new Map(header.split(',').map(weighted));
  const others = weights.get('*') ?? 0;
  const identity = weights.get('identity') ?? others;
  const weightOf = (coding: Coding) =>
    weights.get(coding) ?? (coding === 'gzip' ? weights.get('x-gzip') : undefined) ?? others;
  return codings
    .filter((coding) => weightOf(coding) > 0 && weightOf(coding) >= identity)
    .sort((a, b) => weightOf(b) - weightOf(a));
}

/** `gzip;q=0.5` → `['gzip', 0.5]`. A weight that is none counts as refusal: the bare body is always right. */
function weighted(member: string): [coding: string, weight: number] {
  const [coding = '', ...parameters] = member.split(';').map((part) => part.trim().toLowerCase());
  const q = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2);
  if (q === undefined) return [coding, 1];
  return [coding, /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/.test(q) ? Number(q) : 0];
}
