import { parseArgs } from 'node:util';
import { ConfigurationError } from '../config/configuration-error.js';
import { CommandRefused, outcomeOfFailure, type Ending } from './run-command.js';

function failureOfWords(...words: string[]): unknown {
  try {
    return parseArgs({ args: words, options: {} });
  } catch (failure) {
    return failure;
  }
}

describe('a command that does not do what it was asked for', () => {
  const refused = new CommandRefused('Name a tag.');
  const wrongSetting = new ConfigurationError([{ name: 'PORT', wrong: 'must be a number' }]);
  const wrongWords = failureOfWords('--all');

  it.each([
    ['what it refuses', refused, /^Name a tag\.\n\nthe usage$/],
    ['wrong settings', wrongSetting, /^The configuration is not valid:\n {2}PORT [^]*\n\nthe usage$/],
    ['words it does not know', wrongWords, /^Unknown option '--all'[^]*\n\nthe usage$/],
  ])('shows its usage below %s', (_, failure, text) => {
    expect(outcomeOfFailure(failure, { usage: 'the usage' })).toEqual({
      text: expect.stringMatching(text),
      stream: 'stderr',
      exitCode: 1,
    });
  });

  it.each([
    ['what it refuses', refused, /^Name a tag\.$/],
    ['wrong settings', wrongSetting, /\.env\.example\.$/],
    ['words it does not know', wrongWords, /^Unknown option '--all'\.? ?\(--help tells the options\.\)$/],
  ])('says so in as few words as it can where its usage is long: %s', (_, failure, text) => {
    expect(outcomeOfFailure(failure, {}).text).toMatch(text);
  });

  it('ends with the code it has for that, and tells what else it knows', () => {
    const ending: Ending = { usage: 'the usage', exitCode: 2, lineOf: ({ message }) => `Sorry: ${message}` };

    expect(outcomeOfFailure(refused, ending)).toMatchObject({ exitCode: 2 });
    expect(outcomeOfFailure(new Error('no room'), ending)).toEqual({
      text: 'Sorry: no room',
      stream: 'stderr',
      exitCode: 2,
    });
  });

  it.each([
    ['without a code', new TypeError('of ours')],
    ['of the system', Object.assign(new Error('of the system'), { code: 'EACCES' })],
    ['that is none', 'of ours'],
  ])('leaves to Node to print what it does not know: an error %s', (_, failure) => {
    let thrown: unknown;
    try {
      outcomeOfFailure(failure, { usage: 'the usage', lineOf: () => undefined });
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBe(failure);
  });
});
