import { ending, outcomeOf, usage, wishOf } from './cache-invalidate.js';
import { CommandRefused, outcomeOfFailure } from './run-command.js';

/** What the command ends with for these words, which it does not get beyond. */
function refused(words: string[]) {
  try {
    return wishOf(words);
  } catch (error) {
    return outcomeOfFailure(error, ending);
  }
}

describe('what an operator wants invalidated', () => {
  it('is what tags and patterns name, everything, or help', () => {
    expect(wishOf(['course:PROG-101', 'student_risk:*'])).toEqual(['course:PROG-101', 'student_risk:*']);
    expect(wishOf(['--everything'])).toBe('everything');
    expect([wishOf(['--help']), wishOf(['-h'])]).toEqual(['help', 'help']);
    expect(usage).toContain('--everything');
  });

  it.each([
    ['an unknown option', ['thing:1', '--all'], /^Unknown option '--all'/],
    [
      'everything beside a tag',
      ['thing:1', '--everything'],
      /^Either --everything or tags and patterns, not both/,
    ],
    ['nothing', [], /^Name a tag or a pattern, or say --everything/],
  ])('is refused with what to type instead: %s', (_, words, line) => {
    expect(refused(words)).toEqual({
      text: expect.stringMatching(line),
      stream: 'stderr',
      exitCode: 2,
    });
    expect(refused(words)).toMatchObject({ text: expect.stringContaining(usage) });
  });
});

describe('what the command ends with', () => {
  it('is 0 where Redis has confirmed it, else 1 with the reason', () => {
    expect(outcomeOf(['a:1', 'b:*'], undefined)).toEqual({
      text: 'Invalidated a:1, b:*: Redis confirmed it.',
      stream: 'stdout',
      exitCode: 0,
    });
    expect(outcomeOf('everything', 'timeout')).toMatchObject({
      text: expect.stringContaining('(timeout)'),
      stream: 'stderr',
      exitCode: 1,
    });
  });

  it('is 2 where it can do nothing, and a fault of ours stays one', () => {
    expect(outcomeOfFailure(new CommandRefused('no Redis'), ending)).toMatchObject({ exitCode: 2 });
    const fault = new TypeError('a fault');
    expect(() => outcomeOfFailure(fault, ending)).toThrow(fault);
  });
});
