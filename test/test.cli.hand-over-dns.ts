import assert from 'node:assert/strict';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import type { IDcRouterOptions } from '../ts_interfaces/index.ts';
import { clientSocket, decoded, exchange, queryFor } from './dns/query.ts';
import { Daemon } from './suites/daemon.ts';
import { closedPort } from './suites/web.ts';

const query = queryFor('www.example.org', 'A');

/** Clients that ask without a pause, and once more after a second of silence. */
class Askers {
  answered = 0;
  lost = 0;
  private readonly running: Promise<void>[];
  private isOver = false;

  constructor(sockets: readonly Socket[], port: number) {
    this.running = sockets.map((socket) => this.ask(socket, port));
  }

  async end(): Promise<void> {
    this.isOver = true;
    await Promise.all(this.running);
  }

  private async ask(socket: Socket, port: number): Promise<void> {
    while (!this.isOver) {
      const answer = once(socket, 'message', { signal: AbortSignal.timeout(1000) });
      socket.send(query, port, '127.0.0.1');
      try {
        const [bytes] = (await answer) as [Buffer];
        assert.equal(decoded(bytes).answer.length, 1);
        this.answered++;
      } catch (error) {
        if ((error as Error).name !== 'AbortError') throw error;
        this.lost++;
      }
    }
  }
}

async function start(context: TestContext, workers: number) {
  const [dns, api] = [await closedPort(), await closedPort()];
  const options: IDcRouterOptions = {
    log: { format: 'json', level: 'info' },
    workers,
    api: { port: api },
    // No TCP port of the proxy is handed over that would say that there is a hand-over.
    web: { entrypoints: {} },
    dns: {
      listeners: { dns: { address: '127.0.0.1', port: dns } },
      zones: [
        {
          name: 'example.org',
          nameservers: ['ns.example.net'],
          records: ['www A 192.0.2.1'],
          dnssec: true,
        },
      ],
    },
  };
  const daemon = await Daemon.start(context, options);
  const set = async (name: string): Promise<number> => {
    const change = [{ name, type: 'A', ttl: 60, data: '192.0.2.2' }];
    const { status, body } = await daemon.api('PUT', '/dns/zones/example.org/records', change);
    assert.equal(status, 200, JSON.stringify(body));
    return (body as { serial?: number }).serial ?? 0;
  };
  return { dns, options, daemon, set };
}

/** What went wrong, by the log. */
function faults({ lines }: Daemon): string[] {
  return lines.filter((line) => /"level":"(error|warn)"/.test(line));
}

describe('reload --binary with DNS', { concurrency: 2 }, () => {
  for (const workers of [0, 2]) {
    test(`zones and their keys go on, with ${workers} threads`, async (context) => {
      const { dns, daemon, set } = await start(context, workers);
      const serial = await set('one');
      const keys = async () => (await daemon.api('GET', '/dns/zones/example.org/dnssec')).body;
      const before = await keys();
      const sockets = await Promise.all(Array.from({ length: 8 }, () => clientSocket(context)));
      const askers = new Askers(sockets, dns);
      const { status, body } = await daemon.api('POST', '/reload', { binary: true });
      assert.equal(status, 202, JSON.stringify(body));
      assert.equal(await daemon.ended, 0);
      await daemon.when(() => daemon.note()?.pid === body.pid, 'the new process');
      const { answered } = askers;
      await daemon.when(() => askers.answered > answered + 100, 'answers of the new process');
      await askers.end();
      // What reaches the old socket in the very moment in which it closes.
      assert.ok(askers.lost <= sockets.length, `${askers.lost} of ${askers.answered} were lost`);
      assert.deepEqual(await keys(), before);
      assert.equal(await set('two'), serial + 1, 'the serial goes on');
      const client = connect({ port: dns, host: '127.0.0.1' });
      context.after(() => client.destroy());
      const length = Buffer.alloc(2);
      length.writeUInt16BE(query.length);
      client.write(Buffer.concat([length, query]));
      await daemon.when(() => client.bytesRead > 2 + query.length, 'an answer by TCP');
      assert.deepEqual(faults(daemon), []);
    });
  }

  test('nobody takes over: zones can be changed again', async (context) => {
    const { daemon, set, dns } = await start(context, 0);
    const serial = await set('one');
    const { body } = await daemon.api('POST', '/reload', { binary: true });
    process.kill(body.pid ?? 0, 'SIGKILL');
    await daemon.said('handover.failed');
    await daemon.when(() => daemon.note()?.pid === daemon.child.pid, 'the old one');
    assert.equal(await set('two'), serial + 1);
    const socket = await clientSocket(context);
    assert.equal(decoded(await exchange(socket, dns, query)).answer.length, 1);
    assert.equal(faults(daemon).length, 1, 'that of the hand-over');
  });
});
