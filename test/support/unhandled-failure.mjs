// Loaded into the service, where it fails twice at SIGUSR2, as FAILURE says, and nobody handles it.
const failure = () => new TypeError('canary of an exception\n    at a place that it made up');
const ways = {
  rejection: () => void Promise.reject(failure()),
  exception: () =>
    setImmediate(() => {
      throw failure();
    }),
};

process.on('SIGUSR2', () => {
  ways[process.env.FAILURE]();
  ways[process.env.FAILURE]();
});
