/** Variables as the operating system or a `.env` file gives them. */
export type Variables = Readonly<Record<string, string | undefined>>;

/** What is wrong with one variable. `wrong` never repeats a value, as it may be a secret. */
export interface BadVariable {
  name: string;
  wrong: string;
}

/** Names every bad variable, not only the first. */
export class ConfigurationError extends Error {
  constructor(readonly variables: readonly BadVariable[]) {
    super(
      [
        'The configuration is not valid:',
        ...variables.map(({ name, wrong }) => `  ${name} ${wrong}`),
        'Every variable is described in .env.example.',
      ].join('\n'),
    );
    this.name = 'ConfigurationError';
  }
}
