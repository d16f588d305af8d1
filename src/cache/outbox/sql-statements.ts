/*
 * What a statement does, as far as its text tells: nobody parses it.
 */

/** Comments and texts, in one: whichever begins first may hold what looks like the other. */
const SAID =
  /--[^\n]*|\/\*[\s\S]*?\*\/|\b[eE]'(?:\\[\s\S]|[^'\\])*'|'[^']*'|"[^"]*"|\$(\w*)\$[\s\S]*?\$\1\$/g;
const WRITES =
  /^\s*(insert|update|delete|merge|copy|truncate|call|do|refresh)\b|^\s*with\b[\s\S]*\b(insert|update|delete|merge)\b/i;
/** What they do stands elsewhere, or is seldom done beside a method that is at work. */
const SELDOM_WRITES = /^\s*(execute|explain|create|alter|drop)\b|\binto\b/i;
/** Several in one text may write with any of them. */
const SEVERAL = /;\s*\S/;
const BEFORE_BRACKET = /([\p{L}\p{N}_$."]+)\s*\(/gu;
/** What stands before a bracket and writes nothing: words of the language, and functions that everybody uses. */
const HARMLESS = new Set(
  (
    'all and any array as between by case distinct else except exists filter from group having ilike in intersect join ' +
    'lateral like limit materialized not on or over row select some then union using values when where with ' +
    'abs array_agg avg cast coalesce concat count date_trunc extract greatest json_agg jsonb_agg least length lower max ' +
    'min now nullif round row_number string_agg substring sum to_char trim unnest upper'
  ).split(' '),
);
/** May be about a transaction, if a comment stands before it. All others need no further look. */
const CONTROLS = /^\s*(--|\/\*|begin|start|commit|end|rollback|abort)/i;
/** Alone in its text: nobody sees what stands behind it. */
const BEGINS = /^\s*(begin|start\s+transaction)\b[^;]*;?\s*$/i;
const COMMITS = /^\s*(commit|end)\b/i;
/** The next transaction begins with the end of this one. */
const CHAINS = /\band\s+chain\b/i;
/** Not to a savepoint, which ends nothing. */
const ROLLS_BACK = /^\s*(rollback|abort)\b(?!\s+((work|transaction)\s+)?to\b)/i;

/** The statement without its comments and texts. Of a quoted name the quote is left, for it may be that of a function. */
export function withoutTexts(query: string): string {
  return query.replace(SAID, (said) => (said.startsWith('"') ? '"' : ' '));
}

/** @param text  as {@link withoutTexts} gives it */
export function writes(text: string): boolean {
  return WRITES.test(text) || SEVERAL.test(text);
}

/**
 * A function of the application may, such as `award_badge($1)`, and its call does not say so; nor do some statements.
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

/** Whether it ends a transaction, and all that was written in it with it. */
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
