// The clients, in a process of their own, so that they neither wait for those who break things nor hold them up. Is told
// where the service is reached and when to stop, says how far it is, and ends with its parent.
import { Clients, type ClientsOptions } from './clients.js';
import type { ToClients } from './client-process.js';

const SAY_EVERY_MS = 500;

const clients = new Clients(JSON.parse(process.argv[2]!) as ClientsOptions);
let isStarted = false;

process.on('message', (message: ToClients) => {
  if (message === 'stop') {
    void clients.stop().then(() => process.exit(0));
    return;
  }
  clients.ports = message;
  if (!isStarted) clients.start();
  isStarted = true;
});
process.on('disconnect', () => process.exit(1));
setInterval(() => process.send?.(clients.count), SAY_EVERY_MS);
