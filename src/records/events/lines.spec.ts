import fc from 'fast-check';
import { inChunks, linesOf, type Line } from './lines.js';

async function* chunked(bytes: Buffer, sizes: readonly number[]): AsyncGenerator<Buffer> {
  let start = 0;
  for (const size of [...sizes, bytes.length]) {
    yield await Promise.resolve(bytes.subarray(start, start + size));
    start += size;
  }
}

async function read(text: string, sizes: number[] = [], limits = { maxLines: 1000, maxLineBytes: 1000 }) {
  const lines: Line[] = [];
  for await (const line of linesOf(chunked(Buffer.from(text), sizes), limits)) lines.push(line);
  return lines.map(({ number, bytes }) => [number, bytes?.toString()]);
}

describe('lines of a stream', () => {
  it('are the same however the bytes arrive', async () => {
    const text = fc.array(fc.constantFrom('a', 'é', '\n', '\r', ' ', '{'), { maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(text, fc.array(fc.nat(5)), async (characters, sizes) => {
        const expected = characters
          .join('')
          .split('\n')
          .map((line, index) => [index + 1, line])
          .filter(([, line]) => String(line).trim() !== '');
        expect(await read(characters.join(''), sizes)).toEqual(expected);
      }),
    );
  });

  it('that are too long are not kept', async () => {
    const limits = { maxLines: 10, maxLineBytes: 3 };
    expect(await read('abc\nabcd\n\nab', [2, 3, 1], limits)).toEqual([
      [1, 'abc'],
      [2, undefined],
      [4, 'ab'],
    ]);
  });

  it('that are too many end the reading', async () => {
    const limits = { maxLines: 2, maxLineBytes: 10 };
    expect(await read('a\n\nb\n', [], limits)).toHaveLength(2);
    await expect(read('a\nb\nc', [], limits)).rejects.toMatchObject({ code: 'payload_too_large' });
    expect(await read('\n \na\nb', [], limits)).toHaveLength(2);
    await expect(read('\n \n\t\na', [], limits)).rejects.toMatchObject({ code: 'payload_too_large' });
  });

  it('are gathered by the thousand, or fewer at the end', async () => {
    const sizes: number[] = [];
    for await (const chunk of inChunks(
      linesOf(chunked(Buffer.from('x\n'.repeat(25)), []), { maxLines: 30, maxLineBytes: 9 }),
      10,
    )) {
      sizes.push(chunk.length);
    }
    expect(sizes).toEqual([10, 10, 5]);
  });
});
