import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { freePorts, loadCore, proxyCore, startPinned, usageOf } from './processes.ts';
import { dcrouterCommand, file, root } from './proxies.ts';
import { waitUntilServing } from './request.ts';
import { progress } from './rounds.ts';
import type { ISite } from './site.ts';
import { type ITcpProxyKind, withDescriptors } from './tcp-proxies.ts';

/** What connections cost that do nothing. */
export interface IIdleResult {
  proxy: string;
  /** What they are: TCP connections, or WebSockets. */
  kind: 'tcp' | 'websocket';
  connections: number;
  /** Resident memory of the proxy's process tree, for each of them. */
  rssBytesPerConnection: number;
}

const settleMs = 1500;

/** Opens so many TCP connections through each proxy, then so many WebSockets through DcRouter. */
export async function measureIdle(
  site: ISite,
  kinds: readonly ITcpProxyKind[],
  connections: number,
): Promise<IIdleResult[]> {
  const [backendPort = 0] = await freePorts(1);
  const program = join(root, 'bench', 'servers', 'answer.ts');
  const command = withDescriptors([process.execPath, program, String(backendPort)]);
  const backend = startPinned(loadCore, command);
  try {
    await waitUntilServing(`http://127.0.0.1:${backendPort}/`, backend, performance.now());
    const results: IIdleResult[] = [];
    for (const kind of kinds) {
      progress(`idle: ${connections} connections through ${kind.name}`);
      const proxy = await kind.start({ ...site, filePort: backendPort });
      try {
        results.push({
          proxy: kind.name,
          kind: 'tcp',
          ...(await hold(proxy.plainPort, proxy.running.pid, connections, 'tcp')),
        });
      } finally {
        await proxy.running.stop();
      }
    }
    if (kinds.some(({ name }) => name === 'dcrouter')) {
      results.push(await holdWebSockets(site, backendPort, connections));
    }
    return results;
  } finally {
    await backend.stop();
  }
}

async function holdWebSockets(
  site: ISite,
  backendPort: number,
  connections: number,
): Promise<IIdleResult> {
  progress(`idle: ${connections} WebSockets through dcrouter`);
  const [port = 0] = await freePorts(1);
  const host = '127.0.0.1';
  const config = {
    dataDir: join(site.folder, 'dcrouter-websocket'),
    log: { level: 'warn' },
    api: { enabled: false },
    web: {
      accessLog: { enabled: false },
      entrypoints: { http: { address: host, port } },
      routes: [{ id: 'all', vHost: '*', backends: [{ hostname: host, port: backendPort }] }],
    },
  };
  const path = file(site, 'dcrouter-websocket.json', JSON.stringify(config));
  const running = startPinned(proxyCore, withDescriptors(dcrouterCommand(path)));
  try {
    await waitUntilServing(`http://${host}:${port}/`, running, performance.now());
    const held = await hold(port, running.pid, connections, 'websocket');
    return { proxy: 'dcrouter', kind: 'websocket', ...held };
  } finally {
    await running.stop();
  }
}

/** Opens connections, waits until memory has settled, and lets them go. */
async function hold(
  port: number,
  pid: number,
  count: number,
  kind: IIdleResult['kind'],
): Promise<Pick<IIdleResult, 'connections' | 'rssBytesPerConnection'>> {
  // Some first: what any connection makes the process load is no price of each.
  await (await holder(port, 200, kind)).end();
  const before = usageOf(pid).rssBytes;
  const clients = await holder(port, count, kind);
  await new Promise((done) => setTimeout(done, settleMs));
  const after = usageOf(pid).rssBytes;
  await clients.end();
  if (clients.held < count) throw new Error(`Only ${clients.held} of ${count} were opened`);
  return { connections: count, rssBytesPerConnection: (after - before) / count };
}

async function holder(
  port: number,
  count: number,
  kind: IIdleResult['kind'],
): Promise<{ held: number; end(): Promise<void> }> {
  const program = join(root, 'bench', 'servers', 'hold.ts');
  const command = withDescriptors([process.execPath, program, String(port), String(count), kind]);
  const child: ChildProcess = spawn('taskset', ['-c', String(loadCore), ...command], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(child, 'close');
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  const [line = ''] = (await Promise.race([once(lines, 'line'), ended])) as [string];
  const held = Number(/^held (\d+)$/.exec(String(line))?.[1] ?? 0);
  return {
    held,
    async end() {
      child.stdin?.end();
      await ended;
    },
  };
}
