import { Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { TypeormOutbox } from './typeorm.outbox.js';

describe('an outbox in a database that has replicas', () => {
  const slaves = [{ host: 'replica' }];

  it.each([
    ['warns of what lags behind', { master: {}, slaves }, 1],
    ['also where that is said', { master: {}, slaves, defaultMode: 'slave' as const }, 1],
    ['says nothing where the primary is read', { master: {}, slaves, defaultMode: 'master' as const }, 0],
    ['says nothing where there are none', undefined, 0],
  ])('%s', (_, replication, warnings) => {
    const warn = jest.spyOn(Logger.prototype, 'warn').mockReturnValue(undefined);
    const dataSource = new DataSource({ type: 'postgres', ...(replication && { replication }) });

    new TypeormOutbox(dataSource);

    expect(warn).toHaveBeenCalledTimes(warnings);
    warn.mockRestore();
  });
});
