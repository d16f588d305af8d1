export {
  expectBypass,
  expectHit,
  expectMiss,
  expectStale,
  type AnswerWithHeaders,
} from './expect-outcome.js';
export { FakeClock } from './fake-clock.js';
export { FaultyStore, type LosableOperation, type StoreOperation } from './faulty-store.js';
export { simulateInstances, type SimulatedInstance } from './simulate-instances.js';
export { SimulatedLink } from './simulated-link.js';
