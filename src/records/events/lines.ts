import { Problem } from '../../http/problem.js';

/** One line of a body, without its end; `undefined` stands for one that is too long to be kept. */
export interface Line {
  /** From 1 */
  readonly number: number;
  readonly bytes: Buffer | undefined;
}

interface LineLimits {
  readonly maxLines: number;
  readonly maxLineBytes: number;
}

const lineFeed = 0x0a;

/**
 * Cuts a stream of bytes into lines, holding one line at a time. Blank lines are left out, but counted in the numbers.
 *
 * @throws {Problem} `payload_too_large` after `maxLines` lines that are not blank, or as many that are
 */
export async function* linesOf(
  chunks: AsyncIterable<Buffer>,
  { maxLines, maxLineBytes }: LineLimits,
): AsyncGenerator<Line> {
  let parts: Buffer[] = [];
  let length = 0;
  let number = 0;
  let kept = 0;

  const add = (part: Buffer) => {
    length += part.length;
    if (length <= maxLineBytes) parts.push(part);
    else parts = [];
  };
  const finish = (): Line | undefined => {
    number += 1;
    const bytes = length <= maxLineBytes ? Buffer.concat(parts) : undefined;
    parts = [];
    length = 0;
    const isKept = !(bytes && isBlank(bytes));
    if (isKept) kept += 1;
    if (Math.max(kept, number - kept) > maxLines)
      throw new Problem(
        'payload_too_large',
        `A batch holds at most ${maxLines} lines, and as many blank ones.`,
      );
    return isKept ? { number, bytes } : undefined;
  };

  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(lineFeed); end !== -1; end = chunk.indexOf(lineFeed, start)) {
      add(chunk.subarray(start, end));
      start = end + 1;
      const line = finish();
      if (line) yield line;
    }
    add(chunk.subarray(start));
  }
  if (length > 0) {
    const line = finish();
    if (line) yield line;
  }
}

/** Gathers what comes into lists of `size`, the last one shorter. */
export async function* inChunks<T>(items: AsyncIterable<T>, size: number): AsyncGenerator<T[]> {
  let chunk: T[] = [];
  for await (const item of items) {
    chunk.push(item);
    if (chunk.length === size) {
      yield chunk;
      chunk = [];
    }
  }
  if (chunk.length > 0) yield chunk;
}

function isBlank(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d);
}
