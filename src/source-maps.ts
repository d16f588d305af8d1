import * as module from 'node:module';

type SetSourceMapsSupport = (isOn: boolean, options: { nodeModules: boolean }) => void;

// Stack traces name our TypeScript. The maps of packages, which older versions of Node cannot leave out, take 25 MB and a
// sixth of a start: there stack traces name what was built.
(module as { setSourceMapsSupport?: SetSourceMapsSupport }).setSourceMapsSupport?.(true, {
  nodeModules: false,
});
