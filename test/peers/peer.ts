import assert from 'node:assert/strict';
import { type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { type TestContext, test } from 'node:test';

/** Servers live where an ordinary user's PATH does not look. */
const searchPath = `${process.env.PATH}${delimiter}/usr/local/sbin${delimiter}/usr/sbin${delimiter}/sbin`;
const howTo = 'install it by scripts/install-peers.sh';

/** Full path of a program that a test needs, or nothing when it is not installed. */
export function findPeer(name: string): string | undefined {
  return searchPath
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path));
}

/**
 * A test that needs real programs. When one is missing, the test fails under CI and is skipped, with
 * the reason, elsewhere.
 *
 * @param obstacle what else is missing. @default nothing
 */
export function peerTest(
  title: string,
  peers: readonly string[],
  body: (context: TestContext) => Promise<void>,
  obstacle: string | null = null,
): void {
  const missing = peers.filter((name) => findPeer(name) === undefined);
  const reason =
    missing.length === 0 ? obstacle : `"${missing.join('", "')}" is not installed: ${howTo}`;
  if (reason === null) test(title, body);
  else if (process.env.CI) test(title, () => assert.fail(reason));
  else test(title, { skip: reason }, () => undefined);
}

/** What a program that ended has left. */
export interface IOutcome {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs a program to its end; a code other than 0 is no error. `input` goes to its standard input. */
export async function run(
  command: string,
  args: readonly string[],
  options: SpawnOptions & { input?: string | Buffer } = {},
): Promise<IOutcome> {
  const { input, ...rest } = options;
  const child = spawn(command, args, {
    ...rest,
    env: { ...process.env, ...rest.env, PATH: searchPath },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const outcome: IOutcome = { code: null, stdout: '', stderr: '' };
  child.stdout?.setEncoding('latin1').on('data', (text: string) => {
    outcome.stdout += text;
  });
  child.stderr?.setEncoding('latin1').on('data', (text: string) => {
    outcome.stderr += text;
  });
  // A program that ends before it has read its input is the business of whoever looks at its code.
  child.stdin?.on('error', (error) => {
    outcome.stderr += `\n${error.message}`;
  });
  child.stdin?.end(input);
  [outcome.code] = (await once(child, 'close')) as [number | null];
  return outcome;
}

/** Starts a server for the length of a test and waits until its port accepts connections. */
export async function serve(
  context: TestContext,
  command: readonly string[],
  port: number,
): Promise<void> {
  const [program = '', ...args] = command;
  const child = spawn(program, args, {
    env: { ...process.env, PATH: searchPath },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  }
  const ended = once(child, 'close');
  context.after(async () => {
    child.kill('SIGTERM');
    await ended;
  });
  while (!(await accepts(port))) {
    assert.equal(child.exitCode, null, `${program} ended: ${output}`);
  }
}

/** Whether somebody listens; gives the one who is starting a moment when nobody does. */
function accepts(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      done(true);
    });
    socket.once('error', () => setTimeout(() => done(false), 10));
  });
}

/** A port that nobody has. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  await once(server.close(), 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** A folder for the length of a test. */
export function folderFor(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'dcrouter-peers-'));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Starts nginx in the foreground with what stands in its `http` block. */
export async function serveNginx(
  context: TestContext,
  port: number,
  http: (folder: string) => string,
): Promise<void> {
  const folder = folderFor(context);
  const user = process.getuid?.() === 0 ? 'user root;' : '';
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `${kind}_temp_path ${folder}/${kind};`,
  );
  const config = join(folder, 'nginx.conf');
  writeFileSync(
    config,
    `${user} daemon off; worker_processes 1; pid ${folder}/pid; error_log ${folder}/log;
    events { worker_connections 1024; }
    http { access_log off; ${temporary.join(' ')} ${http(folder)} }`,
  );
  await serve(context, ['nginx', '-c', config], port);
}
