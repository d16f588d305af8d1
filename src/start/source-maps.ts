import * as module from 'node:module';

type SetSourceMapsSupport = (isOn: boolean, options: { nodeModules: boolean }) => void;

// From Node 22.14 on stack traces name our TypeScript. Before, the maps of packages could not be left out, which take 25 MB
// and a sixth of a start: there they name what was built.
(module as { setSourceMapsSupport?: SetSourceMapsSupport }).setSourceMapsSupport?.(true, {
  nodeModules: false,
});
