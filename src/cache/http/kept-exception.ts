import { HttpException, HttpStatus, NotFoundException } from '@nestjs/common';
import type { KeptAnswer } from '../engine/cache-entry.js';

/** The only status that is certain to hold for the next caller as it does for this one. */
const KEPT_STATUS: number = HttpStatus.NOT_FOUND;
const STATUS_IN_HEAD = String(KEPT_STATUS);

/**
 * The stored form of a 404 that a handler threw; `undefined` for anything else. An exception class of the application's own
 * is not kept either: it could not be made again, and filters may treat it differently.
 */
export function keptException(error: unknown): KeptAnswer | undefined {
  if (!(error instanceof HttpException) || error.getStatus() !== KEPT_STATUS) return undefined;
  const { constructor: type } = error;
  if (type !== HttpException && type !== NotFoundException) return undefined;
  // The cause may hold anything, and must not be kept. Nest has it in `options`, too.
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

export function isKeptException({ head }: Partial<Pick<KeptAnswer, 'head'>>): boolean {
  return head?.status === STATUS_IN_HEAD;
}

/**
 * An exception equal to the kept one: class, status, response, message and fields. Made for each caller, so that the filters
 * of their own request answer it. If this program has not written what is kept, a plain one.
 */
export function revivedException({ body }: KeptAnswer): HttpException {
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
