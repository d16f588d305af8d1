/**
 * Writes what a command says, and ends the process, as nothing else may keep it. Whoever wanted the text and did not get it,
 * because the disk is full, say, is told by the code: 1.
 */
export function sayAndExit(text: string, stream: 'stdout' | 'stderr', exitCode: number): void {
  process[stream].write(text, (error) => process.exit(error ? 1 : exitCode));
}
