import type { ValueTransformer } from 'typeorm';

/** `numeric` arrives from pg as text, so that no digit is lost; our scores and weights fit a number. */
export const numeric: ValueTransformer = {
  to: (value: number | null | undefined) => value,
  from: (text: string | null) => (text === null ? null : Number(text)),
};
