import { CircuitBreaker, type BreakerState } from './circuit-breaker.js';

let told: BreakerState[];
let breaker: CircuitBreaker;

beforeEach(() => {
  told = [];
  breaker = new CircuitBreaker((state) => told.push(state));
});

function times(count: number, work: () => void): void {
  for (let n = 0; n < count; n++) work();
}

const fast = () => {
  breaker.answered(false);
};
const slow = () => {
  breaker.answered(true);
};
const timeout = () => {
  breaker.timedOut(true);
};
const goodProbe = () => {
  breaker.probed();
};

describe('a breaker', () => {
  it('is closed and tells nothing while all is well', () => {
    times(100, fast);
    times(100, goodProbe);

    expect(breaker.state).toBe('closed');
    expect(breaker.allows).toBe(true);
    expect(told).toEqual([]);
  });

  it('lets nobody ask after the first timeout, until a probe is answered', () => {
    timeout();
    expect(breaker.allows).toBe(false);

    goodProbe();

    expect(breaker.allows).toBe(true);
    expect(told).toEqual([]);
  });

  it('lets nobody ask while a call takes its time, until that or a probe is answered', () => {
    breaker.doubt();
    slow();
    expect(breaker.allows).toBe(false);

    fast();

    expect(breaker.allows).toBe(true);
    expect(told).toEqual([]);
  });

  it('opens with the fifth failure in a row, and not with four', () => {
    times(4, timeout);
    expect(breaker.state).toBe('closed');

    timeout();

    expect(breaker.state).toBe('open');
    expect(told).toEqual(['open']);
  });

  it('opens when more than half of the last twenty were slow or failed', () => {
    times(9, fast);
    times(10, slow);
    fast();
    expect(breaker.state).toBe('closed');

    slow();

    expect(breaker.state).toBe('open');
  });

  it('stays closed when one in a hundred takes for ever', () => {
    for (let n = 1; n <= 1000; n++) {
      if (n % 100 === 0) timeout();
      else fast();
      goodProbe();
    }

    expect(told).toEqual([]);
    expect(breaker.allows).toBe(true);
  });

  it('does not count a call that had hardly any time, though it doubts', () => {
    times(50, () => {
      breaker.timedOut(false);
    });

    expect(breaker.state).toBe('closed');
    expect(breaker.allows).toBe(false);
  });

  it('opens with a late probe or a lost connection', () => {
    breaker.broke();
    expect(breaker.state).toBe('open');

    breaker.broke();

    expect(told).toEqual(['open']);
  });

  it('asks again after a probe that was answered in time, and the next answer decides', () => {
    breaker.broke();
    expect(breaker.allows).toBe(false);
    goodProbe();
    expect(breaker.allows).toBe(true);
    fast();

    expect(told).toEqual(['open', 'half-open', 'closed']);
    expect(breaker.allows).toBe(true);
  });

  it.each([
    ['times out', timeout],
    ['is slow', slow],
  ])('opens again when the first call after an outage %s', (_, bad) => {
    breaker.broke();
    goodProbe();

    bad();

    expect(told).toEqual(['open', 'half-open', 'open']);
    expect(breaker.allows).toBe(false);
  });

  it('closes with the second probe when nobody asks', () => {
    breaker.broke();
    goodProbe();
    goodProbe();

    expect(breaker.state).toBe('closed');
  });

  it('stays open for as long as probes are late', () => {
    times(10, () => {
      breaker.broke();
    });

    expect(told).toEqual(['open']);
  });

  it('starts to count anew once it has closed', () => {
    times(5, timeout);
    goodProbe();
    fast();

    times(4, timeout);

    expect(breaker.state).toBe('closed');
  });
});
