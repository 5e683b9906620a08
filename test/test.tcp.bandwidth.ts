import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../ts/core/manual-clock.ts';
import { eventually, startServer, startTcp, TcpClient } from './suites/tcp.ts';

/** Moves the time on in small steps, and lets bytes flow in between. */
async function pass(clock: ManualClock, ms: number): Promise<void> {
  for (let at = 0; at < ms; at += 10) {
    clock.advance(10);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test('bandwidth: what comes from the client is held at its speed', async (t) => {
  const clock = new ManualClock();
  let received = 0;
  const server = await startServer(t, (socket) => {
    socket.on('data', (bytes: Buffer) => {
      received += bytes.length;
    });
  });
  const bandwidth = { inBytesPerSecond: 1_000_000 };
  const plane = await startTcp(t, { toPort: server.port, bandwidth }, { clock });
  const client = await TcpClient.open(t, plane.port());
  client.socket.write(Buffer.alloc(6_000_000));
  await eventually(() => received > 0);
  await pass(clock, 2000);
  // Two seconds' worth, the burst, and one read of 256 KiB that was here already.
  assert.ok(received <= 2_000_000 + 100_000 + 262_144, `${received} bytes`);
  assert.ok(received >= 1_200_000, `${received} bytes`);
});

test('bandwidth: what goes to the client is held at its speed, the other way is free', async (t) => {
  const clock = new ManualClock();
  let received = 0;
  const server = await startServer(t, (socket) => {
    socket.write(Buffer.alloc(6_000_000));
    socket.on('data', (bytes: Buffer) => {
      received += bytes.length;
    });
  });
  const bandwidth = { outBytesPerSecond: 500_000 };
  const plane = await startTcp(t, { toPort: server.port, bandwidth }, { clock });
  const client = await TcpClient.open(t, plane.port());
  client.socket.write(Buffer.alloc(4_000_000));
  await eventually(() => received === 4_000_000);
  await pass(clock, 2000);
  const got = client.received.length;
  assert.ok(got <= 1_000_000 + 50_000 + 262_144, `${got} bytes`);
  assert.ok(got >= 600_000, `${got} bytes`);
});

test('bandwidth: a session that pauses is not idle, and ends when it has sent all', async (t) => {
  const clock = new ManualClock();
  const server = await startServer(t, (socket) => void socket.pipe(socket));
  const plane = await startTcp(
    t,
    {
      toPort: server.port,
      bandwidth: { inBytesPerSecond: 100_000, outBytesPerSecond: 100_000 },
      timeouts: { idleMs: 200, halfCloseMs: 200 },
    },
    { clock },
  );
  const client = await TcpClient.open(t, plane.port());
  client.socket.end(Buffer.alloc(400_000, 'x'));
  for (let round = 0; round < 200 && !client.ended; round++) await pass(clock, 100);
  assert.equal(client.received.length, 400_000);
  await eventually(() => plane.proxy.stats().open === 0);
  assert.equal(plane.proxy.stats().failed, 0);
  clock.advance(200);
  assert.equal(clock.timerCount, 0);
});
