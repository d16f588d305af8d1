import { AsyncLocalStorage } from 'node:async_hooks';
import { createRequire } from 'node:module';
import vm from 'node:vm';
import { ModernFakeTimers } from '@jest/fake-timers';
import { ModuleMocker } from 'jest-mock';

const { compileFunction } = vm;
/** What our modules, by their paths, were compiled to: without contexts, all files of a worker run the same functions. */
const compiled = new Map();

// Jest compiles each module for the context of its file; without one, Node compiles it for its own, and once.
vm.compileFunction = (code, parameters, { parsingContext: _, importModuleDynamically, ...options }) => {
  // What imports while it runs asks the file that it was compiled for.
  if (code.includes('import(')) {
    return compileFunction(code, parameters, { importModuleDynamically, ...options });
  }
  const names = parameters.join();
  const known = compiled.get(options.filename);
  if (known?.code === code && known.names === names) return known.run;
  const run = compileFunction(code, parameters, options);
  // A spec runs but once.
  if (!options.filename.endsWith('spec.ts')) compiled.set(options.filename, { code, names, run });
  return run;
};

// Before Node 24 a storage that somebody has entered slows every promise of the worker down, until it is disabled.
const entered = new Set();
for (const enter of ['run', 'enterWith']) {
  const original = AsyncLocalStorage.prototype[enter];
  AsyncLocalStorage.prototype[enter] = function (...parameters) {
    entered.add(this);
    return original.apply(this, parameters);
  };
}

/**
 * An environment of Jest without a context of its own, so that packages, which Node loads (`loaded-by-node.mjs`), and
 * tests mean the same by `Error` or `Date`. Our own modules are loaded anew for each file as ever. What a file leaves
 * in globals and variables goes away with it.
 */
export default class SharedContextEnvironment {
  global = globalThis;
  moduleMocker = new ModuleMocker(globalThis);
  fakeTimers = null;
  #globals = new Set(Reflect.ownKeys(globalThis));
  #console = globalThis.console;
  #variables = { ...process.env };
  // Jest puts its own in their place.
  // oxlint-disable-next-line typescript/unbound-method -- they are put back where they were
  #ofProcess = { exit: process.exit, getBuiltinModule: process.getBuiltinModule };

  constructor({ projectConfig }) {
    this.fakeTimersModern = new ModernFakeTimers({ config: projectConfig, global: globalThis });
    globalThis.loadByNode = createRequire(import.meta.url);
  }

  getVmContext() {
    return globalThis;
  }

  exportConditions() {
    return ['node', 'node-addons'];
  }

  setup() {
    return Promise.resolve();
  }

  teardown() {
    for (const storage of entered) storage.disable();
    entered.clear();
    this.fakeTimersModern.dispose();
    for (const key of Reflect.ownKeys(globalThis)) {
      if (!this.#globals.has(key)) Reflect.deleteProperty(globalThis, key);
    }
    globalThis.console = this.#console;
    for (const name of Object.keys(process.env)) {
      if (!(name in this.#variables)) Reflect.deleteProperty(process.env, name);
    }
    Object.assign(process.env, this.#variables);
    Object.assign(process, this.#ofProcess);
    return Promise.resolve();
  }
}
