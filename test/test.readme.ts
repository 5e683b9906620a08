import assert from 'node:assert/strict';
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';

const execute = promisify(execFile);
const root = resolve(import.meta.dirname, '..');
const readme = readFileSync(join(root, 'readme.md'), 'utf8');

/** A marked block of the readme: what to do, with what. */
interface IStep {
  kind: string;
  name: string;
  text: string;
}

test("readme.md: the quick start's blocks do what they say", {
  skip: !hasProgram('curl') && 'curl is not installed',
}, async (context) => {
  const visitor = await Visitor.create(context);
  const steps = stepsOf('quick-start');
  assert.ok(steps.length > 10, 'the marks of the quick start are lost');
  let printed = '';
  for (const { kind, name, text } of steps) {
    if (kind === 'file') visitor.write(name, text.replace('{ port', '{ address: 127.0.0.1, port'));
    else if (kind === 'background') await visitor.startBackend(text);
    else if (kind === 'daemon') await visitor.startDaemon(text);
    else if (kind === 'restart') await visitor.restartDaemon();
    else if (kind === 'run') printed = await visitor.run(text);
    // What a terminal shows as a table, a pipe gets as JSON.
    else if (kind === 'table') assert.deepEqual(routesOf(printed), rowsOf(text));
    else if (kind === 'output') assert.equal(printed, visitor.adjust(text));
    else assert.fail(`Unknown mark "${kind}"`);
  }
});

test("readme.md: the library's block runs", async () => {
  const block = /<!-- library -->\n```ts\n([\s\S]*?)```/.exec(readme)?.[1];
  assert.ok(block !== undefined, 'the mark of the library is lost');
  const program = block.replace('port: 8080', "address: '127.0.0.1', port: 0");
  const flags = ['--conditions=dcrouter-source', '--input-type=module-typescript', '--eval'];
  const { stdout } = await execute(process.execPath, [...flags, program], {
    cwd: root,
    timeout: 30_000,
  });
  assert.match(stdout, /^\{ http: \{ address: '127\.0\.0\.1', port: \d+ \} \}\n$/);
});

/** Somebody who follows the quick start in a folder of their own, on ports of their own. */
class Visitor {
  private readonly context: TestContext;
  private readonly folder: string;
  private readonly ports: ReadonlyMap<string, number>;
  private daemon: ChildProcess | undefined;
  private daemonText = '';

  private constructor(context: TestContext, folder: string, ports: ReadonlyMap<string, number>) {
    this.context = context;
    this.folder = folder;
    this.ports = ports;
  }

  static async create(context: TestContext): Promise<Visitor> {
    const folder = mkdtempSync(join(tmpdir(), 'dcrouter-readme-'));
    context.after(() => rmSync(folder, { recursive: true, force: true }));
    const ports = new Map<string, number>();
    for (const port of ['3000', '8080', '7700']) ports.set(port, await freePort());
    const visitor = new Visitor(context, folder, ports);
    visitor.write('bin/npm', `#!/bin/sh\n[ "$1" = start ] && exec node '${launcher}' run\n`);
    visitor.write('bin/npx', `#!/bin/sh\nshift\nexec node '${launcher}' "$@"\n`);
    for (const name of ['npm', 'npx']) chmodSync(join(folder, 'bin', name), 0o755);
    return visitor;
  }

  /** The text with the ports that are free here in place of those of the readme. */
  adjust(text: string): string {
    return text.replace(/\b(?:3000|8080|7700)\b/g, (port) => String(this.ports.get(port)));
  }

  write(name: string, text: string): void {
    const file = join(this.folder, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, this.adjust(text));
  }

  async run(text: string): Promise<string> {
    const { stdout } = await execute('bash', ['-ec', this.adjust(text)], this.options());
    return stdout;
  }

  async startBackend(text: string): Promise<void> {
    this.start(text);
    await listens(this.ports.get('3000') as number);
  }

  async startDaemon(text: string): Promise<void> {
    this.daemonText = text;
    this.daemon = this.start(text);
    const said: string[] = [];
    for await (const line of createInterface({
      input: this.daemon.stderr as NodeJS.ReadableStream,
    })) {
      said.push(line);
      if (line.includes('"process.started"')) break;
    }
    this.daemon.stderr?.resume();
    if (said.at(-1)?.includes('"process.started"')) return;
    assert.fail(`The router did not start: ${said.join('\n')}`);
  }

  /** Ctrl-C, then the same command again. */
  async restartDaemon(): Promise<void> {
    const { daemon } = this;
    assert.ok(daemon !== undefined);
    const closed = once(daemon, 'exit');
    daemon.kill('SIGINT');
    assert.deepEqual(await closed, [0, null]);
    await this.startDaemon(this.daemonText);
  }

  private start(text: string): ChildProcess {
    const child = spawn('bash', ['-c', `exec ${this.adjust(text)}`], this.options());
    this.context.after(() => child.kill('SIGKILL'));
    child.stdout?.resume();
    return child;
  }

  private options() {
    const path = [join(this.folder, 'bin'), dirname(process.execPath), process.env.PATH];
    const env = { PATH: path.join(delimiter), HOME: this.folder, no_proxy: '*' };
    return { cwd: this.folder, env };
  }
}

const launcher = join(root, 'bin', 'dcrouter.js');

/** The blocks that are marked with `<!-- MARK: KIND NAME -->`, in their order. */
function stepsOf(mark: string): IStep[] {
  const pattern = new RegExp(
    `<!-- ${mark}: (\\S+) ?(\\S*) -->\\n(?:\`\`\`\\w+\\n([\\s\\S]*?)\`\`\`)?`,
    'g',
  );
  return [...readme.matchAll(pattern)].map(([, kind = '', name = '', text = '']) => {
    return { kind, name, text };
  });
}

interface IListedRoute {
  id: string;
  vHost: string;
  origin: string;
}

/** Id, host and origin of the routes that `route list` printed last, as JSON. */
function routesOf(printed: string): string[][] {
  const routes = JSON.parse(printed.trim().split('\n').at(-1) ?? '') as IListedRoute[];
  return routes.map(({ id, vHost, origin }) => [id, vHost, origin]);
}

/** The same out of the table that a terminal shows. */
function rowsOf(table: string): string[][] {
  const [, head = '', ...rows] = table.trim().split('\n');
  assert.match(head, /^ID +HOST .* ORIGIN$/);
  return rows
    .map((row) => row.split(/ {2,}/))
    .map((cells) => [0, 1, -1].map((at) => cells.at(at) ?? ''));
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Tries to connect until somebody listens; the backend of a reader says nothing when it does. */
async function listens(port: number): Promise<void> {
  for (let attempt = 0; attempt < 500; attempt++) {
    const socket = connect(port, '127.0.0.1');
    const [isOpen] = await Promise.race([
      once(socket, 'connect').then(() => [true]),
      once(socket, 'close').then(() => [false]),
    ]).catch(() => [false]);
    socket.destroy();
    if (isOpen) return;
    await wait(10);
  }
  assert.fail(`Nobody listens on ${port}`);
}

function hasProgram(name: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${name}`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
