import { once } from 'node:events';
import type { Socket } from 'node:net';
import { connect, createServer, type TLSSocket } from 'node:tls';

/** Ends TLS on a socket, answers `pong to …`, and tells what it was asked. */
export async function startTlsOver(
  socket: Socket,
  { key, cert }: { key: string; cert: string },
): Promise<string> {
  const server = createServer({ key, cert });
  server.emit('connection', socket);
  const [secure] = (await once(server, 'secureConnection')) as [TLSSocket];
  const [question] = (await once(secure, 'data')) as [Buffer];
  secure.end(`pong to ${question}`);
  return question.toString();
}

/** Begins TLS on a connected socket, sends a question and returns the answer. */
export async function connectTlsOver(
  socket: Socket,
  ca: string,
  question: string,
): Promise<string> {
  const secure = connect({ socket, ca, servername: 'example.test' });
  await once(secure, 'secureConnect');
  secure.write(question);
  const parts: Buffer[] = [];
  for await (const part of secure) parts.push(part as Buffer);
  secure.destroy();
  return Buffer.concat(parts).toString();
}
