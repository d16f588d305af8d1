import { HttpException, HttpStatus, NotFoundException } from '@nestjs/common';
import type { CacheEntry } from '../engine/cache-entry.js';

/** Only of this is it certain that it is as true for the next caller as for this one. */
const KEPT_STATUS: number = HttpStatus.NOT_FOUND;
const STATUS_IN_HEAD = String(KEPT_STATUS);

/** An answer that can be kept and given to others. */
export type Kept = Pick<CacheEntry, 'body' | 'text' | 'head'>;

/**
 * The stored form of a 404 that a handler threw; of nothing else, and of no class of the application's own: its filters
 * would answer another class otherwise.
 */
export function keptException(error: unknown): Kept | undefined {
  if (!(error instanceof HttpException) || error.getStatus() !== KEPT_STATUS) return undefined;
  const { constructor: type } = error;
  if (type !== HttpException && type !== NotFoundException) return undefined;
  // What led to it is nobody's to keep, and may hold anything; Nest keeps it twice.
  const fields = Object.fromEntries(
    Object.entries(error).filter(([name]) => !['cause', 'options'].includes(name)),
  );
  const isNamed = type === NotFoundException;
  try {
    const text = JSON.stringify({ message: error.message, response: error.getResponse(), fields, isNamed });
    return { body: Buffer.from(text), head: { status: STATUS_IN_HEAD } };
  } catch {
    return undefined;
  }
}

export function isKeptException({ head }: Partial<Pick<Kept, 'head'>>): boolean {
  return head?.status === STATUS_IN_HEAD;
}

/**
 * An exception equal to the kept one: class, status, response, message and fields. Made anew for each caller, so that each
 * request's own filters answer. One that nobody here has written is a plain one.
 */
export function revivedException({ body }: Kept): HttpException {
  try {
    const { message, response, fields, isNamed } = JSON.parse(body.toString()) as {
      message: string;
      response: string | object;
      fields: object;
      isNamed: boolean;
    };
    const revived = isNamed ? new NotFoundException(response) : new HttpException(response, KEPT_STATUS);
    return Object.assign(revived, fields, { message });
  } catch {
    return new NotFoundException();
  }
}
