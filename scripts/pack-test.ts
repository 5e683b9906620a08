/**
 * Packs the product, installs the tarball into an empty folder and uses it there as a stranger would:
 * `npx dcrouter`, `import { DcRouter } from 'dcrouter'`, and a strict type check of that import.
 *
 * Run it by `npm run test:pack`, so that Node 24 is the first `node` on the PATH.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

interface IPackage {
  name: string;
  version: string;
  overrides: Record<string, string>;
}

interface IPackResult {
  filename: string;
  size: number;
  files: { path: string }[];
}

const root = resolve(import.meta.dirname, '..');
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as IPackage;
const startTimeoutMs = 30_000;

const folder = mkdtempSync(join(tmpdir(), 'dcrouter-pack-'));
try {
  const tarball = pack();
  install(tarball);
  checkVersion();
  checkTypes();
  await checkLibrary();
  await checkDaemon();
  console.log('pack-test: all good');
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function step(text: string): void {
  console.log(`pack-test: ${text}`);
}

function run(command: string, args: string[], cwd: string): string {
  return execFileSync(command, args, {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

/** `npm pack` builds by itself (`prepack`), so what is packed is what the sources say. */
function pack(): string {
  step('npm pack');
  const target = join(folder, 'tarball');
  mkdirSync(target);
  const output = run('npm', ['pack', '--json', '--pack-destination', target], root);
  const [packed] = JSON.parse(output.slice(output.indexOf('['))) as IPackResult[];
  assert.ok(packed);
  const files = packed.files.map((file) => file.path);
  for (const needed of [
    'bin/dcrouter.js',
    'dist_ts/index.js',
    'dist_ts/index.d.ts',
    'dist_ts/cli/main.js',
    'dist_ts_interfaces/index.js',
    'dist_ts_interfaces/index.d.ts',
    'license',
    'readme.md',
  ]) {
    assert.ok(files.includes(needed), `the tarball lacks "${needed}"`);
  }
  const strange = files.filter((path) => /^(ts|ts_interfaces|test|bench|\.ci)\//.test(path));
  assert.deepEqual(strange, [], 'the tarball holds what only a checkout needs');
  step(`${packed.filename}: ${files.length} files, ${Math.round(packed.size / 1024)} KiB`);
  return join(target, packed.filename);
}

function install(tarball: string): void {
  step('install into an empty folder');
  // Overrides of a dependency do not reach whoever installs it, and this registry needs them.
  const consumer = {
    name: 'consumer',
    private: true,
    type: 'module',
    overrides: manifest.overrides,
  };
  writeFileSync(join(folder, 'package.json'), JSON.stringify(consumer));
  run('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error', tarball], folder);
}

function checkVersion(): void {
  step('npx dcrouter version');
  assert.match(
    run('npx', ['dcrouter', 'version'], folder),
    new RegExp(escapePattern(manifest.version)),
  );
}

function checkTypes(): void {
  step('strict type check of an importing program');
  const program = `
import { DcRouter, ProxyManager, BalancingStrategy } from 'dcrouter';
import type { IDcRouterOptions, RouteConfig } from 'dcrouter/interfaces';

const options: IDcRouterOptions = { web: { entrypoints: { http: { port: 0 } }, routes: [] } };
const router: DcRouter = new DcRouter(options);
const started: Promise<void> = router.start();
// A misspelt option must be an error, or the types have come out as any.
// ${'@ts-expect'}-error
new DcRouter({ webb: {} });
export const strategy: RouteConfig['strategy'] = BalancingStrategy.ROUND_ROBIN;
export const things: unknown[] = [started, ProxyManager];
`;
  writeFileSync(join(folder, 'program.ts'), program);
  const compilerOptions = {
    strict: true,
    module: 'NodeNext',
    moduleResolution: 'NodeNext',
    target: 'ES2024',
    skipLibCheck: true,
    noEmit: true,
    types: ['node'],
    typeRoots: [join(root, 'node_modules', '@types')],
  };
  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({ compilerOptions, files: ['program.ts'] }),
  );
  run(
    process.execPath,
    [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', '.'],
    folder,
  );
}

/** The library routes a request, stops, and leaves nothing behind that keeps the process alive. */
async function checkLibrary(): Promise<void> {
  step("import { DcRouter } from 'dcrouter'");
  const program = `
import { createServer } from 'node:http';
import { once } from 'node:events';
import { DcRouter } from 'dcrouter';

const backend = createServer((request, response) => response.end('hello ' + request.headers.host));
await once(backend.listen(0, '127.0.0.1'), 'listening');
const router = new DcRouter({
  web: {
    entrypoints: { http: { address: '127.0.0.1', port: 0 } },
    routes: [{ id: 'a', vHost: '*', backends: [{ hostname: '127.0.0.1', port: backend.address().port }] }],
  },
});
await router.start();
const { port } = router.addresses().http;
const response = await fetch('http://127.0.0.1:' + port + '/');
console.log(response.status, await response.text());
await router.stop();
backend.close();
`;
  writeFileSync(join(folder, 'library.mjs'), program);
  const child = spawn(process.execPath, ['library.mjs'], { cwd: folder, stdio: 'pipe' });
  const output = collect(child);
  const timer = setTimeout(() => child.kill('SIGKILL'), startTimeoutMs);
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  clearTimeout(timer);
  assert.equal(signal, null, `the program did not end by itself\n${output.text}`);
  assert.equal(code, 0, output.text);
  assert.match(output.text, /^200 hello 127\.0\.0\.1:\d+$/m);
}

/** `npx dcrouter run` with a file of one route, until SIGTERM. */
async function checkDaemon(): Promise<void> {
  step('npx dcrouter run');
  const backend = createServer((_request, response) => response.end('from the backend'));
  await once(backend.listen(0, '127.0.0.1'), 'listening');
  const backendPort = (backend.address() as AddressInfo).port;
  const [port, apiPort] = await freePorts(2);
  const config = {
    api: { address: '127.0.0.1', port: apiPort },
    web: {
      entrypoints: { http: { address: '127.0.0.1', port } },
      routes: [{ id: 'a', vHost: '*', backends: [{ hostname: '127.0.0.1', port: backendPort }] }],
    },
  };
  writeFileSync(join(folder, 'dcrouter.json'), JSON.stringify(config));

  const child = spawn('npx', ['dcrouter', 'run', '-c', 'dcrouter.json'], {
    cwd: folder,
    stdio: 'pipe',
    detached: true,
  });
  const output = collect(child);
  const ended = once(child, 'close');
  try {
    const served = await answer(`http://127.0.0.1:${port}/`, child, output);
    assert.equal(await served.text(), 'from the backend');
    // The management port is opened last.
    const health = await answer(`http://127.0.0.1:${apiPort}/healthz`, child, output);
    assert.equal(health.status, 200);
    // The whole group, as a terminal or a service manager does; npx alone would not hand it on.
    process.kill(-(child.pid ?? 0), 'SIGTERM');
    await ended;
    await assert.rejects(fetch(`http://127.0.0.1:${port}/`), 'the daemon still serves');
  } catch (error) {
    console.error(output.text);
    if (child.exitCode === null) process.kill(-(child.pid ?? 0), 'SIGKILL');
    throw error;
  } finally {
    backend.close();
    backend.closeAllConnections();
  }
}

function collect(child: ChildProcess): { text: string } {
  const output = { text: '' };
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      output.text += chunk.toString();
    });
  }
  return output;
}

/** Asks until the daemon listens; it has no other way to tell a stranger. */
async function answer(
  url: string,
  child: ChildProcess,
  output: { text: string },
): Promise<Response> {
  const deadline = Date.now() + startTimeoutMs;
  for (;;) {
    try {
      return await fetch(url);
    } catch (error) {
      if (child.exitCode !== null) throw new Error(`The daemon ended\n${output.text}`);
      if (Date.now() > deadline) throw error;
      await new Promise((done) => setTimeout(done, 50));
    }
  }
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
}

function escapePattern(text: string): string {
  return text.replace(/[.+]/g, '\\$&');
}
