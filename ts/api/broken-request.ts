import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';

const brokenRequests: Record<string, { status: string; code: string }> = {
  HPE_HEADER_OVERFLOW: { status: '431 Request Header Fields Too Large', code: 'HEAD_TOO_LARGE' },
  ERR_HTTP_REQUEST_TIMEOUT: { status: '408 Request Timeout', code: 'REQUEST_TIMEOUT' },
};

/** Answers what is no HTTP, or a head that is too large or too slow, and closes. */
export function refuseConnection(error: Error & { code: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const { status, code } = brokenRequests[error.code] ?? {
    status: '400 Bad Request',
    code: 'REQUEST_INVALID',
  };
  const details = {
    type: 'about:blank',
    title: status.slice(4),
    status: Number(status.slice(0, 3)),
    detail: 'The request is not valid HTTP, too large or too slow',
    code,
    requestId: randomUUID(),
    problems: [],
  };
  const body = JSON.stringify(details);
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: application/problem+json\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}
