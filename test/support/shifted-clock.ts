import { shiftDate } from './shifted-date.js';

// Loaded before a process (`--import`) whose machine has a wrong clock.
shiftDate(Number(process.env.CLOCK_AHEAD_MS));
