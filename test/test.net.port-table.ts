import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DcError } from '../ts/core/errors.ts';
import type { Accepted } from '../ts/net/accepted.ts';
import { PortTable } from '../ts/net/port-table.ts';
import type { IBoundPort, IPortAddress, IPortBinder } from '../ts/net/ports.ts';

/** Binds nothing, and lets tests bring connections. */
class FakePorts implements IPortBinder {
  readonly bound: FakePort[] = [];

  async bind({ host = '::', port }: IPortAddress): Promise<IBoundPort> {
    if (port === 1) throw new DcError('LISTEN_FAILED', 'Cannot listen on "1"');
    const one = new FakePort(host, port === 0 ? 50_000 + this.bound.length : port);
    this.bound.push(one);
    return one;
  }
}

class FakePort implements IBoundPort {
  readonly handles = [];
  readonly address: string;
  readonly port: number;
  isClosed = false;
  onConnection: ((connection: Accepted) => void) | null = null;

  constructor(address: string, port: number) {
    this.address = address;
    this.port = port;
  }

  accept(onConnection: (connection: Accepted) => void): void {
    assert.equal(this.onConnection, null, 'is told once');
    this.onConnection = onConnection;
  }

  close(): void {
    this.isClosed = true;
  }
}

function connectionOf(name: string): Accepted & { isDestroyed: boolean } {
  const fake = {
    peerIp: name,
    isDestroyed: false,
    destroy() {
      fake.isDestroyed = true;
    },
  };
  return fake as unknown as Accepted & { isDestroyed: boolean };
}

const address = { host: '127.0.0.1', port: 8080 };

test('PortTable: a port that is held is leased, not bound again', async () => {
  const ports = new FakePorts();
  const table = new PortTable(ports);
  const leases = [await table.bind(address), await table.bind(address)];
  assert.equal(ports.bound.length, 1);
  assert.deepEqual(
    leases.map(({ port }) => port),
    [8080, 8080],
  );
  leases[0]?.close();
  leases[0]?.close();
  assert.equal(ports.bound[0]?.isClosed, false, 'the other lease holds it');
  assert.equal([...table.held()].length, 1);
  leases[1]?.close();
  assert.equal(ports.bound[0]?.isClosed, true);
  assert.equal([...table.held()].length, 0);
});

test('PortTable: the lease that accepted last gets the connections', async () => {
  const ports = new FakePorts();
  const table = new PortTable(ports);
  const first = await table.bind(address);
  const second = await table.bind(address);
  const seen: string[] = [];
  first.accept(({ peerIp }) => seen.push(`first ${peerIp}`));
  const deliver = (name: string) => ports.bound[0]?.onConnection?.(connectionOf(name));
  deliver('a');
  second.accept(({ peerIp }) => seen.push(`second ${peerIp}`));
  deliver('b');
  first.close();
  deliver('c');
  assert.deepEqual(seen, ['first a', 'second b', 'second c']);
});

test('PortTable: connections between two leases wait for the next one', async () => {
  const ports = new FakePorts();
  const table = new PortTable(ports);
  const first = await table.bind(address);
  first.accept(() => assert.fail('has left'));
  const second = await table.bind(address);
  first.close();
  const connection = connectionOf('a');
  ports.bound[0]?.onConnection?.(connection);
  const seen: string[] = [];
  second.accept(({ peerIp }) => seen.push(peerIp));
  assert.deepEqual(seen, ['a']);
});

test('PortTable: connections that nobody took are closed with the port', async () => {
  const ports = new FakePorts();
  const table = new PortTable(ports);
  const first = await table.bind(address);
  first.accept(() => assert.fail('has left'));
  const second = await table.bind(address);
  first.close();
  const connection = connectionOf('a');
  ports.bound[0]?.onConnection?.(connection);
  second.close();
  assert.equal(connection.isDestroyed, true);
});

test('PortTable: two who ask at once share one port', async () => {
  const ports = new FakePorts();
  const table = new PortTable(ports);
  await Promise.all([table.bind(address), table.bind(address), table.bind(address)]);
  assert.equal(ports.bound.length, 1);
});

test('PortTable: port 0 is another port each time', async () => {
  const ports = new FakePorts();
  const table = new PortTable(ports);
  const free = { host: undefined, port: 0 };
  const leases = [await table.bind(free), await table.bind(free)];
  assert.notEqual(leases[0]?.port, leases[1]?.port);
  assert.deepEqual(
    [...table.held()].map(({ key }) => key),
    ['*|0', '*|0'],
  );
});

test('PortTable: a failure is told, and the next one tries again', async () => {
  const table = new PortTable(new FakePorts());
  const taken = { host: undefined, port: 1 };
  for (let i = 0; i < 2; i++) {
    await assert.rejects(table.bind(taken), { code: 'LISTEN_FAILED' });
  }
  assert.equal([...table.held()].length, 0);
});
