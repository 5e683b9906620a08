import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type TestContext, test } from 'node:test';
import { pathToFileURL } from 'node:url';

const launcher = resolve(import.meta.dirname, '..', 'bin', 'dcrouter.js');

const cli = `
export async function main(argv) {
  console.log(JSON.stringify({ argv, relaunched: process.env.DCROUTER_RELAUNCHED === '1' }));
  if (argv[0] === 'throw') throw new Error('broken');
  if (argv[0] === 'wait') {
    process.once('SIGTERM', () => process.exit(7));
    setInterval(() => {}, 1000);
    console.log('waiting');
    return undefined;
  }
  return argv[0] === 'fail' ? 3 : 0;
}`;

interface IResult {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** An installed package in `<folder>/node_modules/dcrouter`, with the command line above as its build. */
function install(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'dcrouter-launcher-'));
  context.after(() => rmSync(folder, { recursive: true }));
  const home = join(folder, 'node_modules', 'dcrouter');
  mkdirSync(join(home, 'bin'), { recursive: true });
  mkdirSync(join(home, 'dist_ts', 'cli'), { recursive: true });
  cpSync(launcher, join(home, 'bin', 'dcrouter.js'));
  writeFileSync(join(home, 'package.json'), '{"type":"module"}');
  writeFileSync(join(home, 'dist_ts', 'cli', 'main.js'), cli);
  return folder;
}

/** Puts a Node beside the package, as `npm install node` does. */
function installNode(folder: string): void {
  const target = join(folder, 'node_modules', 'node', 'bin');
  mkdirSync(target, { recursive: true });
  symlinkSync(process.execPath, join(target, 'node'));
}

function launch(folder: string, args: string[], nodeVersion?: string): ChildProcess {
  const script = join(folder, 'node_modules', 'dcrouter', 'bin', 'dcrouter.js');
  const pretend = join(folder, 'pretend.mjs');
  writeFileSync(
    pretend,
    `Object.defineProperty(process, 'versions', { value: { node: '${nodeVersion}' } });`,
  );
  const options = nodeVersion === undefined ? [] : ['--import', pathToFileURL(pretend).href];
  const env = { ...process.env, HOME: folder, XDG_CACHE_HOME: undefined };
  return spawn(process.execPath, [...options, script, ...args], { env });
}

async function result(child: ChildProcess): Promise<IResult> {
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr };
}

test('launcher: runs the build, and its number is the exit code', async (context) => {
  const folder = install(context);
  const good = await result(launch(folder, ['route', 'list', '--json']));
  assert.deepEqual(JSON.parse(good.stdout), {
    argv: ['route', 'list', '--json'],
    relaunched: false,
  });
  assert.equal(good.code, 0);
  assert.equal((await result(launch(folder, ['fail']))).code, 3);
});

test('launcher: an error nobody caught is exit code 2, with its stack', async (context) => {
  const broken = await result(launch(install(context), ['throw']));
  assert.equal(broken.code, 2);
  assert.match(broken.stderr, /Error: broken\n\s+at .*main/);
});

test('launcher: prefers the sources of a checkout to an older build', async (context) => {
  const folder = install(context);
  const sources = join(folder, 'node_modules', 'dcrouter', 'ts', 'cli');
  mkdirSync(sources, { recursive: true });
  // Sources below a folder called node_modules are not stripped, so this one has no types.
  writeFileSync(join(sources, 'main.ts'), 'this would not run');
  const { code, stderr } = await result(launch(folder, []));
  assert.equal(code, 2);
  assert.match(stderr, /main\.ts/);
});

test('launcher: an incomplete installation says so', async (context) => {
  const folder = install(context);
  rmSync(join(folder, 'node_modules', 'dcrouter', 'dist_ts'), { recursive: true });
  const { code, stderr } = await result(launch(folder, []));
  assert.equal(code, 1);
  assert.match(stderr, /installation is incomplete/);
});

test('launcher: on an old Node, runs with the one installed beside it', async (context) => {
  const folder = install(context);
  installNode(folder);
  const good = await result(launch(folder, ['fail', '--x'], '20.20.2'));
  assert.deepEqual(JSON.parse(good.stdout), { argv: ['fail', '--x'], relaunched: true });
  assert.equal(good.code, 3);
});

test('launcher: on an old Node, hands signals on', async (context) => {
  const folder = install(context);
  installNode(folder);
  const child = launch(folder, ['wait'], '20.20.2');
  const ended = result(child);
  while (!String(await once(child.stdout as NodeJS.ReadableStream, 'data')).includes('waiting'));
  child.kill('SIGTERM');
  assert.equal((await ended).code, 7);
});

test('launcher: on an old Node without another, says what to do', async (context) => {
  const { code, stdout, stderr } = await result(launch(install(context), ['run'], '20.20.2'));
  assert.equal(code, 1);
  assert.equal(stdout, '');
  assert.match(stderr, /needs Node\.js 24 or newer.*npm install node@24/s);
});
