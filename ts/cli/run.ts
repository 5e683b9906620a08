import path from 'node:path';
import type { IDcRouterOptions } from '../../ts_interfaces/index.ts';
import { daemonDefaults } from '../config/defaults.ts';
import { loadConfigFile } from '../config/file.ts';
import { parseOptions } from '../config/parse-options.ts';
import { DcError, formatProblems } from '../core/errors.ts';
import { releaseUnusedHeap } from '../core/heap.ts';
import { version } from '../core/version.ts';
import { DcRouter, type IDcRouterContext, mergeOptions } from '../dcrouter.ts';
import { spellPlace } from '../net/ip.ts';
import { loadAddressLists } from '../proxy/access-lists.ts';
import type { IArguments, IContext, ITerminal, TCommandRun } from './command.ts';
import { findConfigFile } from './config-file.ts';
import { isSuccessor, Predecessor, Successor } from './hand-over.ts';
import { notifyServiceManager } from './service-manager.ts';

/** What a daemon does that was told nothing: a file without `dns` opens no port for it. */
const withoutFile: IDcRouterOptions = { ...daemonDefaults, dns: {} };

/** A heap that is collected in some 20 ms. */
const smallHeapBytes = 50_000_000;

/** Exit code of what failed at run time, so that a supervisor starts the router again. */
const failedExitCode = 2;

/** `dcrouter run`: resolves when the router was told to stop and has stopped. */
export const run: TCommandRun = async (context) => {
  if (!isSuccessor()) return serve(context, null);
  const successor = new Successor();
  try {
    return await serve(context, successor);
  } catch (error) {
    if (error instanceof DcError) successor.refuse(error);
    throw error;
  }
};

/** @param successor of the process that this one takes over from; null: there is none. */
async function serve(context: IContext, successor: Successor | null): Promise<number> {
  const { options, about } = await prepare(context, successor !== null);
  let stop: () => void = () => undefined;
  const stopped = new Promise<void>((resolve) => {
    stop = resolve;
  });
  const predecessor = new Predecessor(stop);
  const router = new DcRouter(options, {
    ...about,
    // Before the first client comes: a large heap takes a while.
    onLoaded: () => releaseUnusedHeap(),
    handOver: (side) => predecessor.begin(side),
  });
  process.on('uncaughtException', (error) => {
    context.terminal.stderr.write(`${error.stack ?? error}\n`);
    // Node's own code for this is 1, which supervisors take for a configuration that will never
    // work.
    process.exit(failedExitCode);
  });
  listenToSignals(router, stop);
  if (successor !== null) {
    // What can be found out beforehand is an answer; afterwards it would only be in the log.
    const folder = path.dirname(about.configFile ?? path.resolve('dcrouter.yaml'));
    await loadAddressLists(options.access, folder);
    await successor.take(router);
  }
  await router.start();
  successor?.serve();
  const untold = await notifyServiceManager();
  if (untold !== null)
    context.terminal.stderr.write(`Cannot tell the service manager: ${untold}\n`);
  writeBanner(router, options, context.terminal);
  releaseUnusedHeap(smallHeapBytes);
  await stopped;
  await router.stop();
  return 0;
}

/**
 * What to run, out of flags, environment, file and defaults. @throws DcError `CONFIG_INVALID`,
 * `CONFIG_UNREADABLE`
 *
 * @param isStrict nothing of the file may be left out: as with every reload, what is wrong changes
 * nothing.
 */
async function prepare(
  { arguments: given, terminal }: IContext,
  isStrict: boolean,
): Promise<{ options: IDcRouterOptions; about: IDcRouterContext }> {
  const overrides = overridesOf(given, terminal.env);
  const file = given.value('config') ?? findConfigFile();
  if (file === undefined) {
    const about = { defaults: withoutFile, overrides };
    return { options: mergeOptions(withoutFile, overrides), about };
  }
  // A reload must find the file again, wherever the process stands by then.
  const configFile = path.resolve(file);
  const { value, source } = await loadConfigFile(configFile);
  const { options, problems, disabled } = parseOptions(value, {
    source,
    mode: 'start',
    // The API may have brought what the file names: the store is not open yet.
    accessLists: 'any',
    limits: 'any',
  });
  if (isStrict && disabled.length > 0) {
    throw new DcError('CONFIG_INVALID', `Cannot use "${configFile}"`, { problems });
  }
  const leftOutRoutes = disabled.flatMap(({ kind, path: place }) =>
    kind === 'route' ? [routeAt(value, place)] : [],
  );
  const about = {
    ...{ configFile, defaults: daemonDefaults, overrides, problems, leftOutRoutes },
    strict: isStrict,
  };
  return { options: mergeOptions(mergeOptions(daemonDefaults, options), overrides), about };
}

/** A route as the file gives it; `place` is `web.routes[3]`. */
function routeAt(value: unknown, place: string): unknown {
  const index = Number(/\[(\d+)\]$/.exec(place)?.[1]);
  return (value as { web: { routes: unknown[] } }).web.routes[index];
}

function overridesOf(
  given: IArguments,
  env: Readonly<Record<string, string | undefined>>,
): IDcRouterOptions {
  const dataDir = given.value('data-dir') ?? (env.DCROUTER_DATA_DIR || undefined);
  return dataDir === undefined ? {} : { dataDir };
}

function listenToSignals(router: DcRouter, stop: () => void): void {
  let stopping = false;
  const end = (): void => {
    if (stopping) process.exit(failedExitCode);
    stopping = true;
    stop();
  };
  process.on('SIGTERM', end);
  process.on('SIGINT', end);
  process.on('SIGHUP', () => void attempt(() => router.reload()));
  // Node opens its debugger at SIGUSR1, unless somebody listens: this takes the signal over.
  process.on('SIGUSR1', () => void attempt(() => router.reopenLogs()));
}

/**
 * What a signal asked for may be refused; the router has written that into its log, and goes on.
 */
async function attempt(task: () => Promise<unknown>): Promise<void> {
  try {
    await task();
  } catch (error) {
    if (!(error instanceof DcError)) throw error;
  }
}

/** For a person who looks. Where the log is for programs, it says the same in its own form. */
function writeBanner(router: DcRouter, options: IDcRouterOptions, { stderr }: ITerminal): void {
  const format = options.log?.format ?? 'auto';
  if (format === 'json' || (format === 'auto' && stderr.isTTY !== true)) return;
  const lines = [`DcRouter ${version}`];
  const listening = router.smartProxy.addresses();
  for (const [name, { address, port }] of Object.entries(router.addresses())) {
    const more = (listening[name.replace(/^tcp:/, '')]?.length ?? 1) - 1;
    const others = name.startsWith('tcp:') && more > 0 ? ` and ${more} more` : '';
    lines.push(`  ${name.padEnd(12)} ${spellPlace(address, port)}${others}`);
  }
  if (options.api?.enabled === true && options.dataDir !== undefined) {
    lines.push(`  ${'admin token'.padEnd(12)} ${path.join(options.dataDir, 'admin-token')}`);
  }
  const problems = router.control.configuration.problems();
  if (problems.length > 0) lines.push('Left out:', formatProblems(problems).replace(/^/gm, '  '));
  stderr.write(`${lines.join('\n')}\n`);
}
