import { showProgress } from './show-progress.js';

it('a terminal that is closed meanwhile is no failure of what its progress is shown of', () => {
  const { isTTY } = process.stderr;
  const listeners = process.stderr.listeners('error');
  const drawing = jest.spyOn(process.stderr, 'write').mockReturnValue(true);
  process.stderr.isTTY = true;
  try {
    const progress = showProgress(10, 'rows');

    expect(() => process.stderr.emit('error', new Error('write EIO'))).not.toThrow();

    progress.at(10, 'users');
    progress.end();
    expect(drawing).toHaveBeenCalled();
  } finally {
    process.stderr.isTTY = isTTY;
    drawing.mockRestore();
    for (const listener of process.stderr.listeners('error')) {
      if (!listeners.includes(listener)) process.stderr.off('error', listener as () => void);
    }
  }
});
