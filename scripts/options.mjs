// How all scripts read what they are told: --help and -h print the usage; what is wrong stands above it, and the code is 2.
import { parseArgs } from 'node:util';

/**
 * @template T
 * @param {string} usage  ends with a line break
 * @param {import('node:util').ParseArgsConfig} config
 * @param {(parsed: ReturnType<typeof parseArgs>) => T} read  throws an error with a line for the user
 * @returns {T}
 */
export function readOptions(usage, config, read) {
  try {
    const help = { type: 'boolean', short: 'h', default: false };
    const parsed = parseArgs({ ...config, options: { ...config.options, help } });
    if (!parsed.values.help) return read(parsed);
  } catch (error) {
    process.stderr.write(`${error.message}\n\n${usage}`);
    process.exit(2);
  }
  process.stdout.write(usage);
  return process.exit(0);
}

/** @throws for what is no whole number, or less than `least` */
export function wholeNumber(name, text, least = 1) {
  const value = Number(text);
  if (!Number.isInteger(value) || value < least)
    throw new Error(`--${name} must be a whole number from ${least} on.`);
  return value;
}
