import { OwedTokens } from './owed-tokens.js';

const everywhere = () => true;
const isWitness = (key: string) => key.startsWith('witness');
const nothing = () => Promise.resolve([]);

let owed: OwedTokens;
/** What was paid, in order. */
let paid: string[][];
const pay = (keys: readonly string[]) => {
  paid.push([...keys]);
  return nothing();
};

beforeEach(() => {
  owed = new OwedTokens(['everything'], isWitness);
  paid = [];
});

it('pays witnesses before all others, and then nothing is owed', async () => {
  owed.add(['one', 'witness', 'other']);

  expect(await owed.pay(everywhere, pay)).toBe(3);
  expect(paid).toEqual([['witness'], ['one', 'other']]);
  expect(owed.isNone).toBe(true);
});

it('leaves what is owed anew while it is being paid', async () => {
  owed.add(['one', 'other']);

  const count = await owed.pay(everywhere, () => {
    owed.add(['one']);
    return nothing();
  });

  expect(count).toBe(1);
  expect([owed.isAny(['one']), owed.isAny(['other'])]).toEqual([true, false]);
});

it('pays nothing while a witness is owed that cannot be paid here', async () => {
  owed.add(['one', 'witness of another server']);

  expect(await owed.pay((key) => !isWitness(key), pay)).toBe(0);
  expect(paid).toEqual([]);
  expect(await owed.pay(everywhere, pay)).toBe(2);
});

it('keeps what was not confirmed, and what could not be paid here after all', async () => {
  owed.add(['one', 'other']);

  await expect(owed.pay(everywhere, () => Promise.reject(new Error('away')))).rejects.toThrow('away');
  expect(await owed.pay(everywhere, () => Promise.resolve(['other']))).toBe(1);
  expect([owed.isAny(['one']), owed.isAny(['other'])]).toEqual([false, true]);
});

it('owes everything in place of too many', () => {
  owed.add(Array.from({ length: 10_000 }, (_, n) => `key:${n}`));
  expect(owed.isEverything).toBe(false);

  owed.add(['one more']);

  expect(owed.isEverything).toBe(true);
  expect(owed.isAny(['key:1'])).toBe(false);
});
