import type { IncomingMessage } from 'node:http';
import type { FastifyRequest } from 'fastify';
import { Problem } from './problem.js';

const maxUrlLength = 8000;
const maxHeaders = 100;
const charsetOf = /;\s*charset\s*=\s*"?([^\s;"]*)/i;

/** Refuses what is no HTTP/1.1 with one `Host`: such a request does not say which server it is for. */
export function refuseProtocol({ raw }: FastifyRequest): Problem | undefined {
  return isHttp1(raw) ? undefined : new Problem('bad_request', 'Send HTTP/1.1, with one Host.');
}

/**
 * What else is wrong with a request by its head alone, before its body is read. Node itself refuses heads over 16 KiB.
 */
export function refuseHead({ url, raw, headers }: FastifyRequest): Problem | undefined {
  if (url.length > maxUrlLength)
    return new Problem('uri_too_long', `An address has at most ${maxUrlLength} characters.`);
  // RFC 9112 section 3.2 has none there: Fastify would read it as a query, and a proxy before us drop it.
  if (url.includes('#')) return new Problem('bad_request', 'Send the address without its fragment.');
  // `rawHeaders` holds names and values in turn.
  if (raw.rawHeaders.length > 2 * maxHeaders)
    return new Problem('headers_too_large', `A request has at most ${maxHeaders} header lines.`);
  const type = headers['content-type'];
  if (type === undefined) return undefined;
  const charset = charsetOf.exec(type)?.[1] ?? 'utf-8';
  // RFC 8259 section 8.1 allows no other.
  if (!/^utf-?8$/i.test(charset)) return new Problem('unsupported_media_type', 'Send text as UTF-8.');
  const encoding = headers['content-encoding'];
  const isPlain = encoding === undefined || /^\s*identity\s*$/i.test(encoding);
  if (!isPlain && /^\s*application\/json/i.test(type))
    return new Problem('unsupported_media_type', 'Send JSON as it is, not compressed.', {
      headers: { 'accept-encoding': 'identity' },
    });
  return undefined;
}

/**
 * A request's target without the scheme and host that it may begin with (RFC 9112 section 3.2.2): the caller must not choose
 * what is told about an address, or kept under it. It always begins with a slash, `*` too: Fastify answers what does not
 * past all hooks.
 */
export function originForm(target: string): string {
  const path = target.replace(/^https?:\/\/[^/?#]*/i, '');
  return path.startsWith('/') ? path : `/${path}`;
}

/** A name or an address, perhaps with a port (RFC 9110 section 7.2); two of them are joined with a comma. */
const hostForm = /^(?:\[[\w.~:!$&'()*+;=-]+\]|(?:[\w.~!$&'()*+;=-]|%[\da-f]{2})*)(?::\d*)?$/i;

/** RFC 9112 section 3.2: exactly one `Host`, which HTTP/1.0 may leave out. */
function isHttp1({ httpVersionMajor, httpVersionMinor, headers: { host } }: IncomingMessage): boolean {
  if (httpVersionMajor !== 1) return false;
  return host === undefined ? httpVersionMinor === 0 : hostForm.test(host);
}
