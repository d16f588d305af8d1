import { isIP } from 'node:net';
import { applyDecorators } from '@nestjs/common';
import { Transform } from 'class-transformer';
import {
  IsIn,
  IsInt,
  IsNumber,
  IsOptional,
  IsString,
  Max,
  MaxLength,
  Min,
  ValidateBy,
} from 'class-validator';

/** A rule is told as one sentence that ends with an example, whichever of its parts failed. */
const sentence = (rule: string, example: string | number) => `must be ${rule}, for example ${example}`;

interface NumberRule {
  min: number;
  max: number;
  example: number;
}

const between = (
  what: string,
  { min, max, example }: NumberRule,
  isOfKind: (told: { message: string }) => PropertyDecorator,
): PropertyDecorator => {
  const message = sentence(`${what} from ${min} to ${max}`, example);
  return applyDecorators(
    Transform(toNumber),
    isOfKind({ message }),
    Min(min, { message }),
    Max(max, { message }),
  );
};
const isNumber = (told: { message: string }) => IsNumber({}, told);

/** A whole number written in decimal digits. */
export const WholeNumber = (rule: NumberRule) => between('a whole number', rule, IsInt);

/** A number of seconds; parts of a second are allowed. */
export const Seconds = (rule: NumberRule) => between('a number of seconds', rule, isNumber);

/** A part of a whole. */
export const Share = (example: number) => between('a number', { min: 0, max: 1, example }, isNumber);

const truths = ['true', '1', 'yes', 'on'];
const falsehoods = ['false', '0', 'no', 'off'];

/** `true`, `1`, `yes`, `on` or their opposites, in any case. */
export function Toggle(example: boolean): PropertyDecorator {
  return applyDecorators(
    Transform(({ value }: { value: unknown }) => {
      if (typeof value !== 'string') return value;
      const word = value.toLowerCase();
      if (truths.includes(word)) return true;
      return falsehoods.includes(word) ? false : value;
    }),
    IsIn([true, false], { message: sentence('true or false', String(example)) }),
  );
}

/** One of a few words, in any case; `synonyms` are words of other systems for the same. */
export function OneOf(
  words: readonly string[],
  example: string,
  synonyms: Readonly<Record<string, string>> = {},
): PropertyDecorator {
  return applyDecorators(
    Transform(({ value }: { value: unknown }) => {
      if (typeof value !== 'string') return value;
      const word = value.toLowerCase();
      return synonyms[word] ?? word;
    }),
    IsIn(words, { message: sentence(`one of ${words.join(', ')}`, example) }),
  );
}

/** Any text of at most 500 characters. */
export function Text(example: string): PropertyDecorator {
  const message = sentence('a text of at most 500 characters', example);
  return applyDecorators(IsString({ message }), MaxLength(500, { message }));
}

/** Text that `accepts` approves of; `rule` says in words what it wants. */
export function TextThat(
  rule: string,
  example: string,
  accepts: (text: string) => boolean,
): PropertyDecorator {
  const name = 'textThat';
  return ValidateBy(
    { name, validator: { validate: (value) => typeof value === 'string' && accepts(value) } },
    { message: sentence(rule, example) },
  );
}

/** Text in which `faultOf` finds nothing wrong; what it finds is told as it is: `must …, for example …`. */
export function TextWithout(faultOf: (text: string) => string | undefined): PropertyDecorator {
  const found = (value: unknown) => (typeof value === 'string' ? faultOf(value) : undefined);
  return ValidateBy(
    { name: 'textWithout', validator: { validate: (value) => found(value) === undefined } },
    { message: ({ value }) => found(value) ?? '' },
  );
}

/** Text that is taken for another that means the same. */
export function Rewritten(rewrite: (text: string) => string): PropertyDecorator {
  return Transform(({ value }: { value: unknown }) => (typeof value === 'string' ? rewrite(value) : value));
}

/** A comma-separated list of texts that `accepts` approves of. */
export function ListOf(rule: string, example: string, accepts: (item: string) => boolean): PropertyDecorator {
  return applyDecorators(
    Transform(({ value }: { value: unknown }) => (typeof value === 'string' ? splitList(value) : value)),
    ValidateBy(
      {
        name: 'listOf',
        validator: {
          validate: (value) =>
            Array.isArray(value) && value.every((item) => typeof item === 'string' && accepts(item)),
        },
      },
      { message: sentence(rule, example) },
    ),
  );
}

/** May be left out. */
export const Optional = IsOptional;

/** An absolute URL of one of the protocols, such as `redis:`. */
export function isUrlOf(...protocols: string[]): (text: string) => boolean {
  return (text) => {
    if (!URL.canParse(text)) return false;
    const { protocol, hostname } = new URL(text);
    return protocols.includes(protocol) && hostname !== '';
  };
}

/** A host and its port, such as `redis-1:6379` or `[::1]:6379`. */
export function isHostAndPort(text: string): boolean {
  const port = /^(?:\[[\da-f:.]+\]|[^\s:/@[\]]+):(\d{1,5})$/i.exec(text)?.[1];
  return port !== undefined && Number(port) <= 65_535;
}

/** An IP address, or a network such as `10.0.0.0/8`; all addresses (`/0`) are none. */
export function isAddressOrNetwork(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/');
  const version = isIP(address);
  if (version === 0 || rest.length > 0) return false;
  return bits === undefined || (/^[1-9]\d{0,2}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
}

/** One of nothing but commas is not empty but wrong. */
function splitList(text: string): string[] {
  const items = text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
  return items.length > 0 ? items : [text];
}

function toNumber({ value }: { value: unknown }): unknown {
  return typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value) ? Number(value) : value;
}
