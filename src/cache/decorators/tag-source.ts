type AnyMethod = (...args: never[]) => unknown;

export type Duration = number | `${number}${'s' | 'm' | 'h'}`;

/** A tag or pattern, a template such as `course:{course_id}`, or a function of the arguments and the result. */
export type TagSource<M extends AnyMethod> =
  string | ((args: Parameters<M>, result: Awaited<ReturnType<M>>) => readonly string[]);
