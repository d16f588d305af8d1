import type { ValueTransformer } from 'typeorm';

/** Reads `numeric`, which `pg` gives as text so that no digit is lost, as a number: our scores and weights fit one. */
export const numeric: ValueTransformer = {
  to: (value: number | null | undefined) => value,
  from: (text: string | null) => (text === null ? null : Number(text)),
};
