import { readFileSync } from 'node:fs';
import { service } from './service.js';

describe('what the service calls itself', () => {
  it('is what package.json says', () => {
    const { name, version } = JSON.parse(
      readFileSync(`${process.cwd()}/package.json`, 'utf8'),
    ) as typeof service;

    expect(service).toMatchObject({ name, version });
  });
});
