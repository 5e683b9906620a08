import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { Agent, createServer, get } from 'node:http';
import { connect, createServer as createTcpServer } from 'node:net';
import type { TestContext } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { Daemon } from '../suites/daemon.ts';
import { moveNamed, moverKeys, until, update } from './dns-movers.ts';
import { freePort, peerTest } from './peer.ts';

const key = moverKeys[0] as (typeof moverKeys)[number];
const zone = 'lab.test';
const text = `$ORIGIN ${zone}.
$TTL 1
@ SOA ns hostmaster 1 3600 600 86400 1
@ NS ns
ns A 127.0.0.1
app A 127.0.0.2
tcp A 127.0.0.2
udp A 127.0.0.2
one A 127.0.0.2
two A 127.0.0.3
_http._tcp.app SRV 10 1 $PORT one
`;
const ttlMs = 1000;
/** The time to look a name up, and what two busy cores need. */
const slackMs = 2500;

/** A web server, TCP server and UDP server that say where they are. */
async function backend(context: TestContext, host: string, port: number): Promise<void> {
  const web = createServer((_, response) => response.end(`${host}:${port}`)).listen(port, host);
  const tcp = createTcpServer((socket) =>
    socket.on('error', () => undefined).end(`${host}:${port}`),
  );
  tcp.listen(port + 1, host);
  const udp = createSocket('udp4').bind(port + 1, host);
  udp.on('message', (_, from) => udp.send(`${host}:${port}`, from.port, from.address));
  await Promise.all([web, tcp, udp].map((server) => once(server, 'listening')));
  context.after(() => {
    web.close();
    web.closeAllConnections();
    tcp.close();
    udp.close();
  });
}

function ask(port: number, host: string, agent: Agent | undefined): Promise<string> {
  return new Promise((resolve) => {
    const request = get({ port, host: '127.0.0.1', headers: { host }, agent }, (response) => {
      let body = '';
      response.on('data', (part) => (body += part));
      response.on('end', () => resolve(`${response.statusCode} ${body}`));
      response.on('error', (error) => resolve(error.message));
    });
    request.on('error', (error) => resolve(error.message));
  });
}
/** Asks for as long as the test runs, and remembers what came. */
class Traffic {
  readonly seen: { host: string; atMs: number; answer: string }[] = [];
  private isOver = false;
  private readonly running: Promise<void>[] = [];
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 2 });

  constructor(context: TestContext) {
    context.after(() => this.stop());
  }

  run(host: string, ask: (agent: Agent | undefined) => Promise<string>): void {
    for (const agent of [this.agent, undefined]) this.running.push(this.loop(host, agent, ask));
  }

  async stop(): Promise<void> {
    this.isOver = true;
    await Promise.all(this.running);
    this.agent.destroy();
  }

  /** What came since then for a host, each answer once. */
  since(atMs: number, host: string): string[] {
    const answers = this.seen.filter((one) => one.host === host && one.atMs >= atMs);
    return [...new Set(answers.map(({ answer }) => answer))].sort();
  }

  private async loop(
    host: string,
    agent: Agent | undefined,
    ask: (agent: Agent | undefined) => Promise<string>,
  ): Promise<void> {
    while (!this.isOver) {
      const atMs = performance.now();
      this.seen.push({ host, atMs, answer: await ask(agent) });
      await setTimeout(5);
    }
  }
}

function askTcp(port: number): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect(port, '127.0.0.1', () => socket.end('x'));
    socket.on('data', (part) => (text += part));
    socket.on('error', (error) => resolve(error.message));
    socket.on('close', () => resolve(text));
  });
}

let clients = 0;

/** From an address of its own: each client has a session, which stays where it is. */
async function askUdp(port: number): Promise<string> {
  const number = ++clients;
  const socket = createSocket('udp4').bind(0, `127.1.${number >> 8}.${number & 255}`);
  try {
    const answer = once(socket, 'message', { signal: AbortSignal.timeout(2000) });
    socket.send('x', port, '127.0.0.1');
    return String((await answer)[0]);
  } catch (error) {
    return (error as Error).message;
  } finally {
    socket.close();
  }
}

const [first, second] = ['127.0.0.2', '127.0.0.3'];

for (const workers of [0, 2]) {
  const title = `backends by name follow nsupdate while traffic runs, with ${workers} workers`;
  peerTest(title, ['named', 'nsupdate'], async (context) => {
    const [dnsPort, port, web, tcp, udp] = await Promise.all([1, 2, 3, 4, 5].map(() => freePort()));
    assert.ok(dnsPort && port && web && tcp && udp);
    await moveNamed(context, {
      ...{ port: dnsPort, ourPort: 1, key, zone },
      text: text.replace('$PORT', String(port)),
    });
    for (const host of [first, second]) await backend(context, host, port);
    const route = (id: string, hostname: string, more: object = {}) => {
      return { id, vHost: id, backends: [{ id: 'b', hostname, port, ...more }] };
    };
    const daemon = await Daemon.start(context, {
      ...{ workers, api: { port: 0 } },
      dns: { listeners: {}, resolver: { servers: [`127.0.0.1:${dnsPort}`] } },
      web: {
        entrypoints: { http: { port: web, address: '127.0.0.1' } },
        routes: [route('app', `app.${zone}`), route('srv', `_http._tcp.app.${zone}`, { port: 0 })],
      },
      tcp: [
        { id: 'tcp', address: '127.0.0.1', fromPort: tcp, toPort: `tcp.${zone}:${port + 1}` },
        {
          ...{ id: 'udp', address: '127.0.0.1', fromPort: udp, protocol: 'udp' },
          toPort: `udp.${zone}:${port + 1}`,
        },
      ],
    });
    const traffic = new Traffic(context);
    for (const host of ['app', 'srv']) traffic.run(host, (agent) => ask(web, host, agent));
    traffic.run('tcp', () => askTcp(tcp));
    traffic.run('udp', () => askUdp(udp));
    const hosts = ['app', 'srv', 'tcp', 'udp'];
    const answer = (host: string, place: string) => {
      return `${host === 'app' || host === 'srv' ? '200 ' : ''}${place}:${port}`;
    };
    const change = async (lines: readonly string[]) => {
      assert.equal(await update('nsupdate', dnsPort, zone, key, lines), '');
      return performance.now();
    };
    /** Waits until all of them lead there; within the TTL, and nothing fails meanwhile. */
    const lead = async (names: readonly string[], place: string, sinceMs: number) => {
      for (const host of names) {
        await until(
          () => traffic.seen.findLast((one) => one.host === host)?.answer === answer(host, place),
          () => `${host} leads to ${traffic.seen.findLast((one) => one.host === host)?.answer}`,
        );
      }
      const tookMs = performance.now() - sinceMs;
      assert.ok(tookMs < ttlMs + slackMs, `it took ${tookMs} ms`);
    };
    await lead(hosts, first, performance.now());

    // Addresses.
    const moves = ['app', 'tcp', 'udp', 'one'].flatMap((name) => [
      `update delete ${name}.${zone} A`,
      `update add ${name}.${zone} 1 A ${second}`,
    ]);
    const changedMs = await change(moves);
    await lead(hosts, second, changedMs);
    // From then on in all processes.
    const movedMs = changedMs + ttlMs * 1.5;
    await setTimeout(Math.max(0, movedMs - performance.now()) + 500);
    for (const host of hosts) {
      assert.deepEqual(traffic.since(movedMs, host), [answer(host, second)], host);
    }

    // Services: the one with the lower priority, then the other one, by weight, and one that is gone.
    const service = `_http._tcp.app.${zone}`;
    const two = await change([
      `update delete one.${zone} A`,
      `update add one.${zone} 1 A ${first}`,
      `update delete ${service} SRV`,
      `update add ${service} 1 SRV 10 1 ${port} one.${zone}.`,
      `update add ${service} 1 SRV 20 1 ${port} two.${zone}.`,
    ]);
    await lead(['srv'], first, two);
    const swapped = await change([
      `update delete ${service} SRV`,
      `update add ${service} 1 SRV 10 9 ${port} two.${zone}.`,
      `update add ${service} 1 SRV 10 0 ${port} none.${zone}.`,
      `update add ${service} 1 SRV 20 1 ${port} one.${zone}.`,
    ]);
    await lead(['srv'], second, swapped);
    const both = await change([
      `update delete ${service} SRV`,
      `update add ${service} 1 SRV 10 5 ${port} two.${zone}.`,
      `update add ${service} 1 SRV 10 5 ${port} one.${zone}.`,
    ]);
    await until(
      () => traffic.since(both, 'srv').length === 2,
      () => `a service of two leads to ${traffic.since(both, 'srv')}`,
    );

    // A name that vanishes leads where it led last.
    await change([`update delete app.${zone}`, `update delete tcp.${zone}`]);
    await daemon.said('backend.unresolved');
    const goneMs = performance.now();
    await setTimeout(300);
    await traffic.stop();
    assert.deepEqual(traffic.since(goneMs, 'app'), [answer('app', second)]);
    assert.deepEqual(traffic.since(goneMs, 'tcp'), [answer('tcp', second)]);
    // No request failed, of all that there were.
    for (const host of hosts) {
      const [one, other] = [answer(host, first), answer(host, second)];
      const failed = traffic.since(0, host).filter((text) => text !== one && text !== other);
      assert.deepEqual(failed, [], host);
    }
    assert.ok(traffic.seen.length > 500, `${traffic.seen.length} requests`);
  });
}
