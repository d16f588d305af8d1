import { swcOptions } from './scripts/swc-options.mjs';

// Sources are ES modules; Jest on Node < 24.9 cannot require() them, so they are compiled to CommonJS inside Jest only.
const swc = { ...swcOptions, sourceMaps: true, module: { type: 'commonjs' } };

// One project: each would read the tree, resolve and compile all it needs anew.
export default {
  // As many as the cores that are asked for: a third that works is no faster, and what is timed fails the more.
  maxWorkers: 2,
  // What waits is beside them.
  runner: '<rootDir>/test/support/lanes.mjs',
  // Jest forgets little of the modules of earlier files: a worker that has grown is replaced.
  workerIdleMemoryLimit: '800MB',
  // Not the temporary folder, which goes away with each run.
  cacheDirectory: '<rootDir>/node_modules/.cache/jest',
  testSequencer: '<rootDir>/test/support/test-order.mjs',
  // In contexts of their own, files would each load some 1,500 modules of packages anew.
  testEnvironment: '<rootDir>/test/support/shared-context.environment.mjs',
  testTimeout: 30_000,
  roots: ['<rootDir>/src', '<rootDir>/test'],
  testMatch: ['<rootDir>/src/**/*.spec.ts', '<rootDir>/test/*/*.spec.ts', '<rootDir>/test/*/*.e2e-spec.ts'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': ['$1', '$1.js'] },
  transform: {
    '/node_modules/.+\\.[cm]?js$': '<rootDir>/test/support/loaded-by-node.mjs',
    '\\.(ts|js)$': ['@swc/jest', swc],
  },
  transformIgnorePatterns: ['/node_modules/(jest-|@jest/|@sinonjs/|@swc/|expect/)'],
};
