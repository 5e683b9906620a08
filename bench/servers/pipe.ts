/**
 * What Node's own streams do: the shortest TCP proxy that can be written with them.
 *
 * Usage: node pipe.ts LISTEN_PORT:BACKEND_PORT …
 */
import { connect, createServer } from 'node:net';

for (const pair of process.argv.slice(2)) {
  const [from = 0, to = 0] = pair.split(':').map(Number);
  createServer({ noDelay: true }, (client) => {
    const backend = connect({ port: to, host: '127.0.0.1', noDelay: true });
    client.on('error', () => backend.destroy());
    backend.on('error', () => client.destroy());
    client.pipe(backend).pipe(client);
  }).listen({ port: from, host: '127.0.0.1', backlog: 4096 });
}
