import { spawnSync } from 'node:child_process';
import module from 'node:module';

it('stack traces name our TypeScript where Node can leave out the maps of packages, else what was built', () => {
  const program = `
    await import('./dist/start/source-maps.js');
    const { durationMs } = await import('./dist/cache/engine/duration.js');
    durationMs('soon', 'test');`;

  const { stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', program], {
    encoding: 'utf8',
  });

  const place =
    'setSourceMapsSupport' in module ? 'src/cache/engine/duration.ts' : 'dist/cache/engine/duration.js';
  expect(stderr).toContain(`${place}:`);
});
