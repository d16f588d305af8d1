import type { RedisConnections } from './redis-connections.js';
import type { RedisCommand } from './redis-session.js';
import { newestTable } from './slot-table.js';

/** A server that says so much of its cluster, and that all slots are its own. */
function telling(port: number, epoch: number, state: 'ok' | 'fail'): RedisConnections {
  const replies: Record<string, unknown> = {
    INFO: `cluster_state:${state}\r\ncluster_current_epoch:${epoch}\r\n`,
    SLOTS: [[0, 16_383, ['10.0.0.1', port]]],
  };
  const client = { sendCommand: ([, what = '']: string[]) => Promise.resolve(replies[what]) };
  const read = (_budgetMs: number, command: RedisCommand<unknown>) =>
    command({ client, address: { host: '10.0.0.1', port } } as unknown as Parameters<typeof command>[0]);
  return { isReady: true, read } as unknown as RedisConnections;
}

it('the table of a cluster is the newest that one of its servers knows', async () => {
  const table = await newestTable([telling(1, 6, 'ok'), telling(2, 7, 'ok'), telling(3, 6, 'ok')]);

  expect(table).toMatchObject({ epoch: 7, isDown: false });
  expect(new Set(table?.masters)).toEqual(new Set(['10.0.0.1:2']));
});

it('and not that of one which says that it is down, as after its start, while another does not', async () => {
  const table = await newestTable([telling(1, 7, 'fail'), telling(2, 6, 'ok')]);

  expect(table).toMatchObject({ epoch: 6, isDown: false });
  expect(await newestTable([telling(1, 7, 'fail'), telling(2, 6, 'fail')])).toMatchObject({
    epoch: 7,
    isDown: true,
  });
});
