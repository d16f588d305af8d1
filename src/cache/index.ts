export { Cached } from './decorators/cached.decorator.js';
export { InvalidateCache } from './decorators/invalidate-cache.decorator.js';
