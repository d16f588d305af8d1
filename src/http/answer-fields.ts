import { ApiProperty } from '@nestjs/swagger';

// What the fields of answers hold, for the description of the API; nothing is validated.

/** A moment, in UTC. */
export const Instant = () => ApiProperty({ format: 'date-time' });

/** How many there are of something. */
export const Count = ({ from = 0 } = {}) => ApiProperty({ type: 'integer', minimum: from });

/** Part of a whole, or a risk: 0 to 1. */
export const Share = () => ApiProperty({ minimum: 0, maximum: 1 });

/** A score: 0 to 100 percent of the points. */
export const Percent = () => ApiProperty({ minimum: 0, maximum: 100 });

/** Minimum, quartiles and maximum of scores. */
export const PercentQuartiles = () =>
  ApiProperty({ type: [Number], nullable: true, minItems: 5, maxItems: 5, minimum: 0, maximum: 100 });

/** Something measured, or a mean of counts: never negative. */
export const Amount = () => ApiProperty({ minimum: 0 });

/** One of a list of words. In generated clients the list is one type of that name for all fields that have it. */
export const OneOf = (name: string, words: readonly string[], options: { nullable?: true } = {}) =>
  ApiProperty({ enum: [...words], enumName: name, ...options });
