import { assert, array, constantFrom, integer, property, tuple } from 'fast-check';
import { BoundedMap } from './bounded-map.js';

const MOST = 4;

/** The same, of a plain Map. */
class Model {
  readonly map = new Map<string, number>();

  set(key: string, value: number): number | undefined {
    this.map.delete(key);
    this.map.set(key, value);
    const [oldest] = this.map;
    if (!oldest || this.map.size <= MOST) return undefined;
    this.map.delete(oldest[0]);
    return oldest[1];
  }
}

it('forgets what was set longest ago, whatever was set, set again and deleted', () => {
  const step = tuple(constantFrom('set', 'set', 'set', 'delete', 'clear'), integer({ min: 0, max: 7 }));
  assert(
    property(array(step, { maxLength: 60 }), (steps) => {
      const [bounded, model] = [new BoundedMap<number>(MOST), new Model()];
      for (const [value, [what, n]] of steps.entries()) {
        const key = `key ${n}`;
        if (what === 'set') expect(bounded.set(key, value)).toBe(model.set(key, value));
        if (what === 'delete') bounded.delete(key);
        if (what === 'delete') model.map.delete(key);
        if (what === 'clear' && n === 0) bounded.clear();
        if (what === 'clear' && n === 0) model.map.clear();

        expect([...bounded.values()]).toEqual([...model.map.values()]);
        expect(bounded.size).toBe(model.map.size);
        expect([bounded.has(key), bounded.get(key)]).toEqual([model.map.has(key), model.map.get(key)]);
      }
    }),
  );
});
