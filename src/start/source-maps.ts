import * as module from 'node:module';

type SetSourceMapsSupport = (isOn: boolean, options: { nodeModules: boolean }) => void;

// Since Node 22.14 stack traces name our TypeScript. Older versions cannot leave out the maps of packages, which take 25 MB
// and a sixth of a start: there stack traces name the built files.
(module as { setSourceMapsSupport?: SetSourceMapsSupport }).setSourceMapsSupport?.(true, {
  nodeModules: false,
});
