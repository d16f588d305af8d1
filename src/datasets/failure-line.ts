/** What went wrong with a file in one line, where the user can mend it. */
export function failureLine(failure: Error): string | undefined {
  const code = 'code' in failure ? String(failure.code) : '';
  if (code === 'ENOSPC') return 'The disk is full.';
  if (code === 'EEXIST') return `${'path' in failure ? String(failure.path) : 'The file'} exists already.`;
  if (/^(ENOENT|EACCES|EROFS|ENOTDIR|EISDIR)$/.test(code) && 'path' in failure) {
    return `${String(failure.path)} cannot be opened (${code}).`;
  }
  return undefined;
}
