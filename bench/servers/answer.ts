/**
 * A backend for connections that are held: answers a byte with a byte, a request for an
 * upgrade with 101, and then keeps still; any other request gets 200.
 *
 * Usage: node answer.ts PORT
 */
import { createServer } from 'node:net';

const switching =
  'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
  'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n';

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n';

createServer((socket) => {
  socket.once('data', (bytes: Buffer) => {
    if (bytes.length === 1) socket.write('y');
    else if (bytes.includes('websocket')) socket.write(switching);
    else socket.end(ok);
  });
  socket.on('error', () => socket.destroy());
}).listen({ port: Number(process.argv[2]), host: '127.0.0.1', backlog: 4096 });
