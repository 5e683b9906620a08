import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import type { ICommands } from './netns-child.ts';
import { findPeer, peerTest, run } from './peer.ts';

const script = new URL('./netns-child.ts', import.meta.url).pathname;

/**
 * A test in network namespaces, which need `ip`, `nft` and the right to make them (root). Without the
 * right it fails under CI and is skipped, with the reason, elsewhere.
 */
export function netnsTest(title: string, body: (context: TestContext) => Promise<void>): void {
  peerTest(title, ['ip', 'nft'], body, missingRight());
}

/** Why namespaces cannot be made; null: they can, or `peerTest` says what is missing. */
function missingRight(): string | null {
  const ip = findPeer('ip');
  if (ip === undefined) return null;
  const name = `dcr-${process.pid}-try`;
  const { status, stderr } = spawnSync(ip, ['netns', 'add', name], { encoding: 'utf8' });
  if (status !== 0) return `network namespaces cannot be made: ${stderr.trim()}`;
  spawnSync(ip, ['netns', 'delete', name]);
  return null;
}

/** Three machines in a row, with what each can be asked. */
export interface INetwork {
  client: NetnsProcess;
  /** Has 10.77.1.1 and fd77:1::1 towards the client, 10.77.2.1 and fd77:2::1 towards the backends. */
  router: NetnsProcess;
  /** Has 10.77.2.2 to 10.77.2.4, and fd77:2::2; knows no way to the client. */
  backend: NetnsProcess;
  /** Starts a further process at the router, after a shell command that prepares it. */
  another(prepare?: string): Promise<NetnsProcess>;
  /** Runs a program at the router and gives its output. */
  atRouter(command: string, ...args: string[]): Promise<string>;
}

let networks = 0;

/** Builds the namespaces, and takes them down with the test. */
export async function network(context: TestContext): Promise<INetwork> {
  const prefix = `dcr-${process.pid}-${networks++}`;
  const [client, router, backend] = [`${prefix}-c`, `${prefix}-r`, `${prefix}-b`];
  const ip = async (...args: string[]) => {
    const { code, stderr } = await run('ip', args);
    assert.equal(code, 0, `ip ${args.join(' ')}: ${stderr}`);
  };
  const inside = (name: string, ...args: string[]) => ip('-n', name, ...args);
  for (const name of [client, router, backend]) {
    await ip('netns', 'add', name);
    context.after(() => ip('netns', 'delete', name));
    await inside(name, 'link', 'set', 'lo', 'up');
    // Addresses are usable at once: nobody else has them.
    const settings = [
      'net.ipv6.conf.default.accept_dad=0',
      'net.ipv6.conf.default.dad_transmits=0',
    ];
    await ip('netns', 'exec', name, 'sysctl', '-qw', ...settings);
  }
  for (const [other, net, addresses] of [
    [client, 1, [2]],
    [backend, 2, [2, 3, 4]],
  ] as const) {
    const veth = ['link', 'add', 'up0', 'type', 'veth', 'peer', `net${net}`, 'netns', router];
    await inside(other, ...veth);
    for (const host of addresses) {
      await inside(other, 'address', 'add', `10.77.${net}.${host}/24`, 'dev', 'up0');
    }
    await inside(other, 'address', 'add', `fd77:${net}::2/64`, 'dev', 'up0', 'nodad');
    await inside(router, 'address', 'add', `10.77.${net}.1/24`, 'dev', `net${net}`);
    await inside(router, 'address', 'add', `fd77:${net}::1/64`, 'dev', `net${net}`, 'nodad');
    await inside(other, 'link', 'set', 'up0', 'up');
    await inside(router, 'link', 'set', `net${net}`, 'up');
  }
  const atRouter = async (command: string, ...args: string[]) => {
    const { code, stdout, stderr } = await run('ip', ['netns', 'exec', router, command, ...args]);
    assert.equal(code, 0, `${command} ${args.join(' ')}: ${stderr}`);
    return stdout;
  };
  await atRouter('sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1');
  const start = (name: string, prepare?: string) => NetnsProcess.start(context, name, prepare);
  const [atClient, here, atBackend] = [
    await start(client),
    await start(router),
    await start(backend),
  ];
  // The kernel takes up to a second until a new link carries packets: a closed port says that it does.
  for (const [process, host] of [
    [atClient, '10.77.1.1'],
    [atClient, 'fd77:1::1'],
    [here, '10.77.2.2'],
    [here, 'fd77:2::2'],
  ] as const) {
    while ((await process.ask.tcp(host, 1, '')) !== 'ECONNREFUSED');
  }
  return {
    ...{ client: atClient, router: here, backend: atBackend },
    another: (prepare) => start(router, prepare),
    atRouter,
  };
}

/** A process in a namespace. */
export class NetnsProcess {
  /** Asks it to do something; one thing after the other. */
  readonly ask: ICommands;
  private readonly child: ChildProcess;
  private readonly answers: ((line: string | null) => void)[] = [];

  private constructor(child: ChildProcess) {
    this.child = child;
    const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
    lines.on('line', (line) => this.answers.shift()?.(line));
    lines.on('close', () => {
      for (const answer of this.answers.splice(0)) answer(null);
    });
    this.ask = new Proxy({} as ICommands, {
      get:
        (_, name: string) =>
        (...args: unknown[]) =>
          this.call(name, args),
    });
  }

  static async start(context: TestContext, name: string, prepare = 'true'): Promise<NetnsProcess> {
    const command = ['sh', '-c', `${prepare} && exec "$0" "$@"`, process.execPath, script];
    const ip = findPeer('ip') as string;
    const child = spawn(ip, ['netns', 'exec', name, ...command], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const self = new NetnsProcess(child);
    context.after(() => self.kill('SIGTERM'));
    return self;
  }

  /** Ends it by a signal. */
  async kill(signal: NodeJS.Signals): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = once(this.child, 'exit');
    this.child.kill(signal);
    await ended;
  }

  private call(name: string, args: unknown[]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.answers.push((line) => {
        if (line === null) {
          reject(new Error(`"${name}": the process is gone`));
          return;
        }
        const { value, error } = JSON.parse(line) as { value: unknown; error?: string };
        if (error === undefined) resolve(value);
        else reject(new Error(error));
      });
      this.child.stdin?.write(`${JSON.stringify([name, args])}\n`);
    });
  }
}
