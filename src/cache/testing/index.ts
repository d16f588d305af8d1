export {
  expectBypass,
  expectHit,
  expectMiss,
  expectStale,
  type AnswerWithHeaders,
} from './expect-outcome.js';
export { FakeClock } from './fake-clock.js';
