// Sources are ES modules; Jest on Node < 24.9 cannot require() them, so both they and the ESM-only
// packages below are compiled to CommonJS inside Jest only.
const swc = {
  swcrc: false,
  sourceMaps: 'inline',
  module: { type: 'commonjs' },
  jsc: {
    target: 'es2022',
    parser: { syntax: 'typescript', decorators: true },
    keepClassNames: true,
    transform: { legacyDecorator: true, decoratorMetadata: true, useDefineForClassFields: false },
  },
};
const esmOnly =
  '@nestjs|cookie|file-type|strtok3|token-types|uint8array-extras|@tokenizer|@borewit|jose|uuid|csv-parse|content-disposition|light-my-request/node_modules/cookie';

const shared = {
  testEnvironment: 'node',
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': ['$1', '$1.js'] },
  transform: { '^.+\\.(ts|js)$': ['@swc/jest', swc] },
  transformIgnorePatterns: [`/node_modules/(?!(${esmOnly})/)`],
};

export default {
  maxWorkers: 2,
  // Jest forgets little of the modules of earlier files: a worker that has grown is replaced.
  workerIdleMemoryLimit: '800MB',
  testTimeout: 30_000,
  projects: [
    { ...shared, displayName: 'unit', testMatch: ['<rootDir>/src/**/*.spec.ts'] },
    { ...shared, displayName: 'contract', testMatch: ['<rootDir>/test/contract/*.spec.ts'] },
    { ...shared, displayName: 'property', testMatch: ['<rootDir>/test/property/*.spec.ts'] },
    {
      ...shared,
      displayName: 'fuzz',
      testMatch: ['<rootDir>/test/fuzz/*.spec.ts', '<rootDir>/test/fuzz/*.e2e-spec.ts'],
    },
    { ...shared, displayName: 'bench', testMatch: ['<rootDir>/test/bench/*.spec.ts'] },
    { ...shared, displayName: 'history', testMatch: ['<rootDir>/test/history/*.spec.ts'] },
    { ...shared, displayName: 'e2e', testMatch: ['<rootDir>/test/e2e/*.e2e-spec.ts'] },
  ],
};
