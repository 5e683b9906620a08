/**
 * The echo backend: sends a POST's body back, on raw sockets, so that it costs the load core little.
 *
 * Understands `Content-Length` only; anything else ends the connection, which the benchmark's first
 * request to each proxy would show.
 *
 * Usage: node echo.ts PORT
 */
import { createServer, type Socket } from 'node:net';

const endOfHead = Buffer.from('\r\n\r\n');

createServer({ noDelay: true }, (socket) => {
  let head: Buffer = Buffer.alloc(0);
  let missing = 0;
  socket.on('data', (chunk: Buffer) => {
    let rest = chunk;
    socket.cork();
    while (rest.length > 0) {
      if (missing > 0) {
        const part = rest.subarray(0, missing);
        socket.write(part);
        missing -= part.length;
        rest = rest.subarray(part.length);
        continue;
      }
      head = head.length === 0 ? rest : Buffer.concat([head, rest]);
      const end = head.indexOf(endOfHead);
      if (end === -1) break;
      rest = head.subarray(end + endOfHead.length);
      missing = begin(socket, head.toString('latin1', 0, end));
      head = Buffer.alloc(0);
    }
    socket.uncork();
  });
  socket.on('error', () => socket.destroy());
}).listen(Number(process.argv[2]), '127.0.0.1');

/** Writes the response's head and returns how many bytes of body follow. */
function begin(socket: Socket, head: string): number {
  const length = /\r\ncontent-length:\s*(\d+)/i.exec(head)?.[1];
  if (length === undefined) {
    socket.end('HTTP/1.1 411 Length Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
    return 0;
  }
  socket.write(
    `HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: ${length}\r\n\r\n`,
    'latin1',
  );
  return Number(length);
}
