import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { LoadGenerator, LoadJob, LoadResult } from './load.js';

/**
 * wrk, in one thread. It costs a fraction of what a generator in JavaScript does, so that on few cores the server is
 * what limits the rate.
 *
 * @param folder  for its script
 */
export function wrk(folder: string): LoadGenerator {
  return {
    name: 'wrk',
    async run({ url, requests, connections = 64, seconds }: LoadJob): Promise<LoadResult> {
      const file = join(folder, 'requests.lua');
      writeFileSync(file, script(requests));
      // A slow contender is slow, not wrong: an answer counts as missing only after this.
      const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '30s', '-s', file, url];
      const { stdout } = await promisify(execFile)('wrk', args);
      const [line = ''] = stdout.trim().split('\n').slice(-1);
      const { errors, ...result } = JSON.parse(line) as LoadResult & { errors: number };
      if (errors > 0) throw new Error(`${url}: ${errors} errors`);
      return { ...result, perSecond: result.answers / result.seconds };
    },
  };
}

/** Latencies of wrk are in microseconds; a status below 400 is no error to it. */
function script(requests: LoadJob['requests']): string {
  const lines = requests.map(({ path, headers = {} }) => {
    const fields = Object.entries(headers).map(([name, value]) => `[${lua(name)}] = ${lua(value)}`);
    return `requests[#requests + 1] = wrk.format("GET", ${lua(path)}, { ${fields.join(', ')} })`;
  });
  return `
local requests = {}
local turn = 0
function init()
${lines.join('\n')}
end
function request()
  turn = turn % #requests + 1
  return requests[turn]
end
function done(summary, latency)
  local e = summary.errors
  io.write(string.format('{"answers":%d,"seconds":%f,"errors":%d,"p50Ms":%f,"p99Ms":%f,"maxMs":%f}\\n',
    summary.requests, summary.duration / 1e6, e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, latency.max / 1e3))
end
`;
}

/** Paths and entity tags are plain ASCII: what JSON makes of them is a string of Lua, too. */
function lua(text: string): string {
  return JSON.stringify(text);
}
