import { readFileSync } from 'node:fs';

interface Instruction {
  /** Such as `COPY` */
  readonly name: string;
  /** Options such as `--from=build`, by name */
  readonly options: Readonly<Record<string, string>>;
  readonly rest: string;
}

export interface Stage {
  readonly image: string;
  readonly name: string | undefined;
  readonly instructions: readonly Instruction[];
}

const known = ['FROM', 'WORKDIR', 'COPY', 'RUN', 'ENV', 'USER', 'EXPOSE', 'HEALTHCHECK', 'CMD'];

/**
 * Splits a Dockerfile into its stages.
 *
 * @throws {Error} naming the first line that is not an instruction
 */
export function readDockerfile(path: string): Stage[] {
  const lines = readFileSync(path, 'utf8')
    .replace(/^\s*#.*\n/gm, '')
    .replace(/\\\n/g, ' ')
    .split('\n')
    .filter((line) => line.trim() !== '');
  const stages: { image: string; name: string | undefined; instructions: Instruction[] }[] = [];
  for (const line of lines) {
    const [, name = '', given = '', rest = ''] = /^([A-Z]+)((?:\s+--\S+)*)\s+(.+)$/.exec(line) ?? [];
    if (!known.includes(name)) throw new Error(`not an instruction: ${line}`);
    const options = given.trim().split(/\s+/).filter(Boolean);
    const pairs = options.map((option) => option.slice(2).split('=') as [string, string]);
    if (name === 'FROM') {
      const [image = '', , stage] = rest.split(/\s+/);
      stages.push({ image, name: stage, instructions: [] });
      continue;
    }
    const current = stages.at(-1);
    if (!current) throw new Error(`before the first FROM: ${line}`);
    current.instructions.push({ name, options: Object.fromEntries(pairs), rest: rest.trim() });
  }
  return stages;
}
