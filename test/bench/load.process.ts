import autocannon from 'autocannon';
import type { DistinctLoadJob, LoadJob, LoadResult } from './load.js';
import { answerQuestions } from './questions.js';
import { percentile } from './statistics.js';

const CONNECTIONS = 64;

answerQuestions({
  run: ({ url, requests, status = 200, connections = CONNECTIONS, seconds }: LoadJob) => {
    let first = 0;
    return measure(status, {
      url,
      connections,
      duration: seconds,
      setupClient: (client) => {
        const start = first++ % requests.length;
        client.setRequests([...requests.slice(start), ...requests.slice(0, start)].map(copyOf));
      },
    });
  },
  runDistinct: ({ url, path, from, amount }: DistinctLoadJob) => {
    let next = from;
    return measure(200, {
      url,
      connections: CONNECTIONS,
      amount,
      requests: [{ setupRequest: (request) => ({ ...request, path: `${path}${next++}` }) }],
    });
  },
});

/** Every connection needs its own: autocannon keeps the bytes to send in it. */
function copyOf({ path, headers = {} }: LoadJob['requests'][number]): autocannon.Request {
  return { path, headers: { ...headers } };
}

async function measure(status: number, options: autocannon.Options): Promise<LoadResult> {
  const latencies: number[] = [];
  let unexpected = 0;
  const startedMs = performance.now();
  let lastMs = startedMs;

  const { errors } = await new Promise<autocannon.Result>((settle, reject) => {
    // The interval, ms, is how late a run may notice that it is over.
    const instance = autocannon({ ...options, sampleInt: 20 }, (error: Error | null, result) => {
      if (error) reject(error);
      else settle(result);
    });
    // Its own histogram knows whole milliseconds only.
    instance.on('response', (_client, code, _bytes, ms) => {
      lastMs = performance.now();
      latencies.push(ms);
      if (code !== status) unexpected++;
    });
  });
  if (errors > 0 || unexpected > 0) {
    throw new Error(
      `${options.url}: ${errors} errors; ${unexpected} of ${latencies.length} answers without ${status}`,
    );
  }

  latencies.sort((a, b) => a - b);
  const seconds = (lastMs - startedMs) / 1000;
  return {
    answers: latencies.length,
    seconds,
    perSecond: latencies.length / seconds,
    p50Ms: percentile(latencies, 0.5),
    p99Ms: percentile(latencies, 0.99),
    maxMs: latencies.at(-1) ?? Number.NaN,
  };
}
