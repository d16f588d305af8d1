import './source-maps.js';
import './stop-while-starting.js';

// Not imported above: all that would be loaded before anything listens to signals, and that is most of a start.
await import('./start.js');
