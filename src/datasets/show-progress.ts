import { SingleBar } from 'cli-progress';

interface Progress {
  /** Shows that `done` of the total is done, with a word on what is under way. */
  at(done: number, what: string): void;
  end(): void;
}

/** A bar on a terminal; elsewhere a plain line at each tenth of the way. Goes to standard error. */
export function showProgress(total: number, unit: string): Progress {
  return process.stderr.isTTY ? bar(total, unit) : lines(total, unit);
}

function bar(total: number, unit: string): Progress {
  const single = new SingleBar({
    format: `{bar} {percentage} % | {value}/{total} ${unit} | {duration_formatted} | {what}`,
    barsize: 30,
    hideCursor: true,
    clearOnComplete: false,
  });
  // A terminal that is closed ends the process by a signal, in order, and not by what cannot be drawn any more.
  process.stderr.on('error', () => undefined);
  single.start(total, 0, { what: '' });
  return {
    at: (done, what) => {
      single.update(done, { what });
    },
    end: () => {
      single.stop();
    },
  };
}

function lines(total: number, unit: string): Progress {
  let shown = 0;
  return {
    at: (done, what) => {
      const tenth = total > 0 ? Math.floor((10 * done) / total) : 10;
      if (tenth <= shown) return;
      shown = tenth;
      console.error(`${tenth * 10} % | ${done}/${total} ${unit} | ${what}`);
    },
    end: () => undefined,
  };
}
