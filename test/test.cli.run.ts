import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { describe, type TestContext, test } from 'node:test';
import { run } from './fixtures/terminal.ts';

const launcher = path.resolve(import.meta.dirname, '..', 'bin', 'dcrouter.js');

const quiet = `api: {port: 0}
log: {format: json, level: info, path: stderr}
web:
  accessLog: {enabled: false}
  entrypoints: {http: {address: 127.0.0.1, port: 0}}
`;

/** A daemon in a process of its own. */
class Daemon {
  readonly child: ChildProcess;
  readonly lines: string[] = [];
  private readonly exited: Promise<number>;

  constructor(context: TestContext, folder: string, flags: string[] = []) {
    this.child = spawn(process.execPath, [launcher, 'run', ...flags], { cwd: folder });
    this.exited = once(this.child, 'close').then(([code, signal]) => code ?? signal);
    context.after(() => this.child.kill('SIGKILL'));
    const reader = createInterface({ input: this.child.stderr as NodeJS.ReadableStream });
    reader.on('line', (line) => this.lines.push(line));
  }

  /** Waits for a line of the log that has the text. */
  async said(text: string): Promise<void> {
    while (!this.lines.some((line) => line.includes(text))) {
      const ended = await Promise.race([
        this.exited.then(() => true),
        once(this.child.stderr as NodeJS.ReadableStream, 'data').then(() => false),
      ]);
      if (ended) break;
    }
    const found = this.lines.some((line) => line.includes(text));
    assert.ok(found, `"${text}" was not said: ${this.lines.join('\n')}`);
  }

  async end(signal?: NodeJS.Signals): Promise<number> {
    if (signal !== undefined) this.child.kill(signal);
    return await this.exited;
  }
}

function folder(context: TestContext, config: string): string {
  const made = mkdtempSync(path.join(tmpdir(), 'dcrouter-run-'));
  context.after(() => rmSync(made, { recursive: true, force: true }));
  writeFileSync(path.join(made, 'dcrouter.yaml'), config);
  return made;
}

async function backend(context: TestContext): Promise<number> {
  const server = http.createServer((_request, response) => response.end('from the backend'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  context.after(() => server.close());
  return (server.address() as AddressInfo).port;
}

describe('dcrouter run', { concurrency: true }, () => {
  test('a route that the CLI adds serves, and is still there after a restart', async (context) => {
    const home = folder(context, quiet);
    const dataDir = path.join(home, 'dcrouter-data');
    const port = await backend(context);
    const cli = async (...argv: string[]) => {
      const { code, stdout, stderr } = await run([...argv, '--data-dir', dataDir]);
      assert.equal(code, 0, stderr);
      return JSON.parse(stdout);
    };
    const ask = async (): Promise<string> => {
      const { entrypoints } = await cli('status');
      const request = http.get({
        port: entrypoints.http.port,
        host: '127.0.0.1',
        headers: { host: 'a.example' },
      });
      const [response] = await once(request, 'response');
      let text = '';
      for await (const chunk of response) text += chunk;
      return text;
    };
    const first = new Daemon(context, home);
    await first.said('process.started');
    assert.equal(statSync(path.join(dataDir, 'admin-token')).mode & 0o777, 0o600);
    const secret = readFileSync(path.join(dataDir, 'admin-token'), 'utf8').trim();
    await cli('route', 'add', '--host', 'a.example', '--backend', `127.0.0.1:${port}`);
    assert.equal(await ask(), 'from the backend');
    assert.equal(await first.end('SIGTERM'), 0);
    assert.equal(existsSync(path.join(dataDir, 'api.json')), false);
    assert.ok(!first.lines.join().includes(secret));

    const second = new Daemon(context, home);
    await second.said('process.started');
    assert.equal(await ask(), 'from the backend');
    const third = new Daemon(context, home);
    assert.equal(await third.end(), 2, 'the store has one holder');
    assert.match(third.lines.join('\n'), new RegExp(`${second.child.pid}`));
    assert.equal(await second.end('SIGINT'), 0);
  });

  test('a bad route is left out loudly; SIGHUP loads again; SIGUSR1 opens no debugger', async (context) => {
    const routes = (host: string) => `${quiet}  routes:
    - {id: good, vHost: good.example, backends: [{hostname: h, port: 1}]}
    - {id: bad, vHost: "${host}", backends: [{hostname: h, port: 1}]}
`;
    const home = folder(context, routes('*bad'));
    const daemon = new Daemon(context, home);
    await daemon.said('process.started');
    await daemon.said('route.disabled');
    const dataDir = path.join(home, 'dcrouter-data');
    const list = async () => {
      const { stdout } = await run(['route', 'list', '--data-dir', dataDir]);
      return (JSON.parse(stdout) as { id: string }[]).map(({ id }) => id);
    };
    assert.deepEqual(await list(), ['good']);
    writeFileSync(path.join(home, 'dcrouter.yaml'), routes('bad.example'));
    assert.equal(
      JSON.parse((await run(['status', '--data-dir', dataDir])).stdout).configChanged,
      true,
    );
    daemon.child.kill('SIGUSR1');
    assert.equal((await run(['reload', '--data-dir', dataDir])).code, 0);
    assert.deepEqual(await list(), ['bad', 'good']);
    writeFileSync(path.join(home, 'dcrouter.yaml'), quiet);
    daemon.child.kill('SIGHUP');
    let rounds = 0;
    while ((await list()).length > 0) assert.ok(rounds++ < 200, 'SIGHUP loads the file again');
    assert.ok(!daemon.lines.join().includes('Debugger'));
    assert.equal(await daemon.end('SIGTERM'), 0);
  });

  test('a configuration that cannot be used: exit code 1, with every problem and its line', async (context) => {
    const home = folder(context, 'web:\n  entrypoint: {}\n  limits: {headBytesMax: x}\nlogg: {}\n');
    const daemon = new Daemon(context, home);
    assert.equal(await daemon.end(), 1);
    const text = daemon.lines.join('\n');
    assert.match(text, /dcrouter\.yaml:2:3 web\.entrypoint: .*did you mean "entrypoints"/);
    assert.match(text, /dcrouter\.yaml:3:\d+ web\.limits\.headBytesMax/);
    assert.match(text, /dcrouter\.yaml:4:1 logg: .*did you mean "log"/);
    assert.ok(!existsSync(path.join(home, 'dcrouter-data')));
  });

  test('a missing file is exit code 1; a port that is taken is 2', async (context) => {
    const server = net.createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    context.after(() => server.close());
    const { port } = server.address() as AddressInfo;
    const home = folder(context, quiet.replace('127.0.0.1, port: 0', `127.0.0.1, port: ${port}`));
    const missing = new Daemon(context, home, ['-c', 'nowhere.yaml']);
    const taken = new Daemon(context, home);
    assert.equal(await missing.end(), 1);
    assert.match(missing.lines.join('\n'), /nowhere\.yaml/);
    assert.equal(await taken.end(), 2);
    assert.match(taken.lines.join('\n'), new RegExp(`${port}`));
  });
});
