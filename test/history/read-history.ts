import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Operation } from './operation.js';

/** What was written down, line by line; a last line that is half there was never answered. */
export async function readHistory(file: string): Promise<Operation[]> {
  const operations: Operation[] = [];
  for await (const line of createInterface({ input: createReadStream(file) })) {
    if (line.endsWith('}')) operations.push(JSON.parse(line) as Operation);
  }
  return operations;
}
