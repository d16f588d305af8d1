import { newClient } from './redis-client.js';

it('makes the functions of all commands once, not for each server and each reconnection', () => {
  const login = { tls: false, username: undefined, password: undefined, database: 0, clientName: 'test' };
  const of = (port: number) => newClient({ ...login, host: '127.0.0.1', port }, 1000);

  expect(of(6379).constructor).toBe(of(6380).constructor);
});
