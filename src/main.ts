import './start/source-maps.js';
import './start/stop-while-starting.js';

// Not imported above: all that would be loaded before anything listens to signals, and that is most of a start.
await import('./start/start.js');
