/*
 * What a statement does, as far as some patterns can tell: it is not parsed.
 */

/** Comments, texts and quoted names. In one pattern, since one of them may hold what looks like another. */
const SAID =
  /--[^\n]*|\/\*[\s\S]*?\*\/|\b[eE]'(?:\\[\s\S]|[^'\\])*'|'[^']*'|"[^"]*"|\$(\w*)\$[\s\S]*?\$\1\$/g;
const WRITES =
  /^\s*(insert|update|delete|merge|copy|truncate|call|do|refresh)\b|^\s*with\b[\s\S]*\b(insert|update|delete|merge)\b/i;
/** Statements that may write, though seldom in a method, or whose text does not tell what they do. */
const SELDOM_WRITES = /^\s*(execute|explain|create|alter|drop)\b|\binto\b/i;
/** Several statements in one text: any of them may write. */
const SEVERAL = /;\s*\S/;
const BEFORE_BRACKET = /([\p{L}\p{N}_$."]+)\s*\(/gu;
/** Words before a bracket that write nothing: those of the language, and common functions. */
const HARMLESS = new Set(
  (
    'all and any array as between by case distinct else except exists filter from group having ilike in intersect join ' +
    'lateral like limit materialized not on or over row select some then union using values when where with ' +
    'abs array_agg avg cast coalesce concat count date_trunc extract greatest json_agg jsonb_agg least length lower max ' +
    'min now nullif round row_number string_agg substring sum to_char trim unnest upper'
  ).split(' '),
);
/** May begin or end a transaction, perhaps behind a comment. All other statements need no further look. */
const CONTROLS = /^\s*(--|\/\*|begin|start|commit|end|rollback|abort)/i;
/** Only if nothing follows in the same text: that would not be looked at. */
const BEGINS = /^\s*(begin|start\s+transaction)\b[^;]*;?\s*$/i;
const COMMITS = /^\s*(commit|end)\b/i;
/** The next transaction begins with the end of this one. */
const CHAINS = /\band\s+chain\b/i;
/** Not to a savepoint, which ends nothing. */
const ROLLS_BACK = /^\s*(rollback|abort)\b(?!\s+((work|transaction)\s+)?to\b)/i;

/** The statement without its comments and texts. A quoted name leaves its quote, since it may be the name of a function. */
export function withoutTexts(query: string): string {
  return query.replace(SAID, (said) => (said.startsWith('"') ? '"' : ' '));
}

/** @param text  as {@link withoutTexts} gives it */
export function writes(text: string): boolean {
  return WRITES.test(text) || SEVERAL.test(text);
}

/**
 * Whether it calls an unknown function, such as `award_badge($1)`, which may write; or is a statement that may.
 *
 * @param text  as {@link withoutTexts} gives it
 */
export function mayWrite(text: string): boolean {
  if (SELDOM_WRITES.test(text)) return true;
  return [...text.matchAll(BEFORE_BRACKET)].some(([, name = '']) => !HARMLESS.has(name.toLowerCase()));
}

/** Whether it begins a transaction and does nothing else. */
export function begins(query: string): boolean {
  return BEGINS.test(control(query));
}

export function commits(query: string): boolean {
  return COMMITS.test(control(query));
}

/** Whether it ends a transaction and undoes what was written in it. */
export function rollsBack(query: string): boolean {
  return ROLLS_BACK.test(control(query));
}

/** Whether another transaction begins with the end of this one. */
export function chains(query: string): boolean {
  return CHAINS.test(control(query));
}

function control(query: string): string {
  return CONTROLS.test(query) ? withoutTexts(query) : '';
}
