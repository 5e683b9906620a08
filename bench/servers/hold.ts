/**
 * Opens so many connections, sends something on each when asked to, and holds them until its input ends.
 * Prints `held N` when all of them are answered.
 *
 * Usage: node hold.ts PORT COUNT tcp|websocket
 */
import { connect, type Socket } from 'node:net';

const [port = 0, count = 0] = process.argv.slice(2, 4).map(Number);
const kind = process.argv[4];
const atOnce = 200;

const upgrade =
  'GET / HTTP/1.1\r\nHost: bench.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
  'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';

const held: Socket[] = [];
let asked = 0;
let failed = 0;

function open(): void {
  if (asked >= count) return;
  asked++;
  const socket = connect({ port, host: '127.0.0.1' });
  socket.write(kind === 'websocket' ? upgrade : 'x');
  socket.once('data', () => {
    held.push(socket);
    report();
    open();
  });
  socket.on('error', () => {
    failed++;
    report();
    open();
  });
}

function report(): void {
  if (held.length + failed === count) console.log(`held ${held.length}`);
}

for (let i = 0; i < atOnce; i++) open();
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
