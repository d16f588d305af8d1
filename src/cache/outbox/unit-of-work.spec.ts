import { UnitOfWork } from './unit-of-work.js';

it('a unit of work has written what a method inside committed, whatever another has rolled back', () => {
  const unit = new UnitOfWork('Books.import', []);
  unit.committing('1');
  const writtenBefore = unit.written;
  // Of the first one nobody hears again.
  unit.committing('2');
  void unit.committed('2');
  unit.addIfWritten(['tag/book:2'], writtenBefore);

  expect(unit.tags).toEqual(['tag/book:2']);
});

describe('what methods name that threw inside a unit of work', () => {
  const named = ['tag/book:2'];

  it('is nothing where nothing was written since they began', () => {
    const unit = new UnitOfWork('Books.import', []);
    void unit.committed('1');
    unit.addIfWritten(named, unit.written);

    expect(unit.tags).toEqual([]);
  });

  it('is old where anything was written since the first of them began, however late the last did', () => {
    const unit = new UnitOfWork('Books.import', []);
    unit.addIfWritten(named, unit.written);
    void unit.committed('1');
    unit.addIfWritten(named, unit.written);

    expect(unit.tags).toEqual(named);
  });

  it('is old where a commit was sent of which nobody has heard', () => {
    const unit = new UnitOfWork('Books.import', []);
    unit.addIfWritten(named, unit.written);
    unit.committing('1');

    expect(unit.tags).toEqual(named);
  });
});

it('a unit of work is over once all methods inside have ended, also those that the outermost did not wait for', () => {
  const unit = new UnitOfWork('Books.import', []);
  unit.enter([]);
  unit.exit();
  unit.enter([]);
  expect(unit.isOver).toBe(false);

  unit.endOutermost();
  unit.exit();
  expect(unit.isOver).toBe(false);
  unit.exit();
  expect(unit.isOver).toBe(true);
});

describe('what a unit of work reads', () => {
  const tags = ['epoch', 'prefix/view', 'prefix/view/7', 'tag/book:1'];

  it.each([
    ['what it invalidates', ['tag/book:1'], true],
    ['what it outdates', ['~tag/book:1'], true],
    ['all of a prefix that it invalidates', ['prefix/view'], true],
    ['what everything includes', ['epoch'], true],
    ['another of the family', ['tag/book:2'], false],
    ['another part of the prefix', ['prefix/view/8'], false],
    ['nothing of what it invalidates', [], false],
  ])('is past the cache where that is %s', (_, intent, isPast) => {
    expect(
      new UnitOfWork('Books.rename', intent).readsPast({ tags, furtherTags: { mayBeNamed: false } }),
    ).toBe(isPast);
  });

  it('is past the cache where it depends on a whole of which a part is invalidated', () => {
    const unit = new UnitOfWork('Books.rename', ['prefix/price/7']);

    expect(
      unit.readsPast({ tags: ['prefix/price', 'below/price'], furtherTags: { mayBeNamed: false } }),
    ).toBe(true);
    expect(unit.readsPast({ tags: ['prefix/price'], furtherTags: { mayBeNamed: false } })).toBe(false);
  });

  it('is past the cache where a result may name what it invalidates', () => {
    const unit = new UnitOfWork('Books.rename', ['tag/shelf:2']);

    expect(unit.readsPast({ tags, furtherTags: { mayBeNamed: true } })).toBe(true);
    expect(unit.readsPast({ tags, furtherTags: { mayBeNamed: false } })).toBe(false);
    const ofPrices = new UnitOfWork('Books.reprice', ['prefix/price']);
    expect(ofPrices.readsPast({ tags, furtherTags: { mayBeNamed: true } })).toBe(true);
    expect(new UnitOfWork('Books.look', []).readsPast({ tags, furtherTags: { mayBeNamed: true } })).toBe(
      false,
    );
  });

  it('is past the cache once a method inside has begun that invalidates it', () => {
    const unit = new UnitOfWork('Books.move', ['tag/shelf:2']);
    unit.enter(['tag/book:1']);

    expect(unit.readsPast({ tags, furtherTags: { mayBeNamed: false } })).toBe(true);
  });

  it('is past the cache, whatever it is, while any transaction is open', () => {
    const unit = new UnitOfWork('Books.rename', []);
    unit.beginTransaction();
    unit.beginTransaction();
    unit.endTransaction();
    expect(unit.readsPast({ tags, furtherTags: { mayBeNamed: false } })).toBe(true);

    unit.endTransaction();
    expect(unit.readsPast({ tags, furtherTags: { mayBeNamed: false } })).toBe(false);
  });
});
