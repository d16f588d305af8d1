import type { OpenAPIObject } from '@nestjs/swagger';
import { shapeHash } from './shape-hash.js';

const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` });

function documentOf(
  schema: unknown,
  schemas: Record<string, unknown> = {},
  id = 'Views_view',
): OpenAPIObject {
  const responses = { '200': { content: { 'application/json': { schema } } } };
  return {
    paths: { '/view': { get: { operationId: id, responses } } },
    components: { schemas },
  } as unknown as OpenAPIObject;
}

const hashOf = (...of: Parameters<typeof documentOf>) => shapeHash(documentOf(...of), 'Views_view');

const view = {
  type: 'object',
  required: ['id', 'title'],
  properties: { id: { type: 'string' }, title: { type: 'string', nullable: true } },
};

describe('the shape of an answer', () => {
  it('is 12 hex digits, the same on every machine', () => {
    expect(hashOf(view)).toBe('ab92c62927aa');
  });

  it.each([
    ['a text for people', { ...view, description: 'A view', title: 'View', example: { id: '1' } }],
    [
      'the order of fields',
      {
        properties: { title: view.properties.title, id: view.properties.id },
        required: ['title', 'id'],
        type: 'object',
      },
    ],
    [
      'a field’s own text',
      { ...view, properties: { ...view.properties, id: { type: 'string', example: 'x', deprecated: true } } },
    ],
  ])('does not change with %s', (_, changed) => {
    expect(hashOf(changed)).toBe(hashOf(view));
  });

  it.each([
    ['a further field', { ...view, properties: { ...view.properties, at: { type: 'string' } } }],
    [
      'a field that is gone, though it is called as a word for people',
      { ...view, properties: { id: view.properties.id } },
    ],
    ['another type', { ...view, properties: { ...view.properties, id: { type: 'number' } } }],
    ['a field that may be absent', { ...view, required: ['id'] }],
    [
      'another value of those it may have',
      { ...view, properties: { ...view.properties, id: { type: 'string', enum: ['1'] } } },
    ],
    ['a list of it', { type: 'array', items: view }],
  ])('changes with %s', (_, changed) => {
    expect(hashOf(changed)).not.toBe(hashOf(view));
  });

  it('is that of what a reference stands for, whatever its name', () => {
    expect(hashOf(ref('ViewDto'), { ViewDto: view })).toBe(hashOf(view));
    expect(hashOf({ type: 'array', items: ref('A') }, { A: view })).toBe(
      hashOf({ type: 'array', items: ref('B') }, { B: view }),
    );
    expect(
      hashOf(ref('A'), { A: { ...view, properties: { part: ref('P') } }, P: { type: 'string' } }),
    ).not.toBe(hashOf(ref('A'), { A: { ...view, properties: { part: ref('P') } }, P: { type: 'number' } }));
  });

  it('does not change when a reference is given a text', () => {
    const described = { allOf: [ref('ViewDto')], description: 'The view' };
    const whole = (part: object) => ({ type: 'object', properties: { view: part } });

    expect(hashOf(whole(described), { ViewDto: view })).toBe(
      hashOf(whole(ref('ViewDto')), { ViewDto: view }),
    );
  });

  it('of something that holds its like has an end', () => {
    const tree = (name: string) => ({
      [name]: { type: 'object', properties: { children: { type: 'array', items: ref(name) } } },
    });

    expect(hashOf(ref('Tree'), tree('Tree'))).toBe(hashOf(ref('Baum'), tree('Baum')));
  });

  it('is unknown where nothing is declared', () => {
    expect(hashOf(undefined)).toBeUndefined();
    expect(shapeHash(documentOf(view), 'Views_other')).toBeUndefined();
  });

  it('of a route under several paths is that of all of them', () => {
    expect(hashOf(view, {}, 'Views_view[0]')).toBe(hashOf(view));
  });
});
