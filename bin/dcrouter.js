#!/usr/bin/env node
/*
 * Starts DcRouter's command line. Plain JavaScript that old Node versions parse, because the first
 * thing it does is to look at the version that runs it: below 24 it runs itself again with the
 * Node 24 of its own install, if there is one.
 */
import { spawn } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import module from 'node:module';
import { constants } from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const nodeMajorMin = 24;
const launcher = realpathSync(fileURLToPath(import.meta.url));
const packageFolder = path.dirname(path.dirname(launcher));

if (Number(process.versions.node.split('.')[0]) >= nodeMajorMin) runHere();
else runWithOwnNode();

function runHere() {
  const cacheFolder = compileCacheFolder();
  if (cacheFolder !== undefined) module.enableCompileCache(cacheFolder);

  // The place for V8 flags (v8.setFlagsFromString). There are none: the size of the young
  // generation, the one that a proxy cares about most, is fixed before any script runs.

  const source = path.join(packageFolder, 'ts', 'cli', 'main.ts');
  const built = path.join(packageFolder, 'dist_ts', 'cli', 'main.js');
  const main = existsSync(source) ? source : built;
  if (!existsSync(main)) fail(`Cannot find "${built}": the installation is incomplete`);
  import(pathToFileURL(main).href)
    .then((cli) => cli.main(process.argv.slice(2)))
    .then((exitCode) => {
      if (typeof exitCode === 'number') process.exitCode = exitCode;
    })
    .catch((error) => {
      process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
      process.exit(2);
    });
}

/**
 * A folder that belongs to the user alone. Not Node's default below the shared /tmp, where somebody
 * else could have put compiled code for us to run.
 */
function compileCacheFolder() {
  const env = process.env;
  if (env.NODE_COMPILE_CACHE || env.NODE_DISABLE_COMPILE_CACHE) return undefined;
  if (env.CACHE_DIRECTORY) return env.CACHE_DIRECTORY.split(':')[0];
  if (env.XDG_CACHE_HOME) return path.join(env.XDG_CACHE_HOME, 'dcrouter');
  return env.HOME ? path.join(env.HOME, '.cache', 'dcrouter') : undefined;
}

function runWithOwnNode() {
  const node = ownNode();
  if (node === undefined || process.env.DCROUTER_RELAUNCHED) {
    fail(
      `DcRouter needs Node.js ${nodeMajorMin} or newer; this is ${process.version} ("${process.execPath}").\n` +
        `Install Node.js ${nodeMajorMin}, or put one beside DcRouter: npm install node@${nodeMajorMin}`,
    );
  }

  // Listen first: a signal that ends this process must not leave a child behind.
  let child;
  const pass = (signal) => child.kill(signal);
  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2']) {
    process.on(signal, () => pass(signal));
  }
  // A terminal sends these to the child as well, and a second one would end it without draining.
  const terminal = process.stdin.isTTY || process.stdout.isTTY;
  for (const signal of ['SIGINT', 'SIGQUIT']) {
    process.on(signal, () => terminal || pass(signal));
  }
  const env = Object.assign({}, process.env, { DCROUTER_RELAUNCHED: '1' });
  child = spawn(node, [launcher].concat(process.argv.slice(2)), { stdio: 'inherit', env });
  child.on('error', (error) => fail(`Cannot run "${node}": ${error.message}`));
  child.on('exit', (code, signal) => process.exit(signal ? 128 + constants.signals[signal] : code));
}

/** Walks up from the package, so that hoisted layouts are found as well. */
function ownNode() {
  for (let folder = packageFolder; ; folder = path.dirname(folder)) {
    const candidate = path.join(folder, 'node_modules', 'node', 'bin', 'node');
    if (existsSync(candidate)) return candidate;
    if (folder === path.dirname(folder)) return undefined;
  }
}

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}
