import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import type { IDcRouterOptions } from '../../ts_interfaces/data/options.ts';
import type { ILogger } from '../core/logger.ts';
import { defaultDomainsOf } from './default-domains.ts';
import { type ILoadedConfig, loadConfigFile } from './file.ts';
import { mergeOptions } from './merge.ts';
import { parseOptions } from './parse-options.ts';
import { entriesOf } from './reuse.ts';

/** What surrounds a configuration file. */
export interface IConfigSurroundings {
  /** In place of what the file lacks. */
  defaults: IDcRouterOptions;
  /** Wins over the file. */
  overrides: IDcRouterOptions;
}

/** What a file's names may mean besides what the file itself defines. */
export interface IKnownNames {
  /** Auth providers that are functions. */
  authProviders: readonly string[];
  /** What comes from elsewhere of what the options name; they are as they were given. */
  namesOf(options: { web?: unknown; tcp?: unknown }): Promise<{
    /** Domains with a certificate. */
    certificates: Iterable<string>;
    accessLists: Iterable<string> | 'any';
    limits: Iterable<string> | 'any';
  }>;
}

/** A file that was read and is right. */
export interface IReadConfig {
  /** What it says, with what surrounds it. */
  options: IDcRouterOptions;
  file: ILoadedConfig;
}

/** The configuration file of a router: reads it again, and tells whether it was written since. */
export class ConfigFile {
  readonly path: string;
  private readonly surroundings: IConfigSurroundings;
  private readonly logger: ILogger;
  private loadedHash: string | null = null;

  constructor(path: string, surroundings: IConfigSurroundings, logger: ILogger) {
    this.path = path;
    this.surroundings = surroundings;
    this.logger = logger;
  }

  /** What identifies the bytes that the file has now; null: it cannot be read. */
  async hash(): Promise<string | null> {
    try {
      const bytes = await readFile(this.path);
      return createHash('sha256').update(bytes).digest('hex');
    } catch (error) {
      const { path } = this;
      this.logger.warn('config.warning', 'Cannot read the configuration file', { path, error });
      return null;
    }
  }

  /** Takes these bytes for those that are in force. */
  remember(hash: string | null): void {
    this.loadedHash = hash;
  }

  /** Whether the file was written since; null: that cannot be told. */
  async changed(): Promise<boolean | null> {
    const hash = await this.hash();
    return hash === null || this.loadedHash === null ? null : hash !== this.loadedHash;
  }

  /**
   * Reads and checks it, strictly.
   *
   * @throws DcError `CONFIG_UNREADABLE`, `CONFIG_INVALID` with every problem and its line.
   */
  async read(names: IKnownNames): Promise<IReadConfig> {
    const file = await loadConfigFile(this.path);
    const { value, source } = file;
    // With very many routes each step takes a while: traffic goes on between them.
    await setImmediate();
    const { authProviders } = names;
    const settings = { source, authProviders, ...(await names.namesOf(Object(value))) };
    const { options } = parseOptions(value, settings);
    const { defaults, overrides } = this.surroundings;
    const merged = mergeOptions(mergeOptions(defaults, options), overrides);
    checkMerged(merged);
    return { options: merged, file };
  }
}

/**
 * The parts are right; whether they fit together (their ports) does not take all that is in them.
 *
 * @throws DcError `CONFIG_INVALID`
 */
function checkMerged(merged: IDcRouterOptions): void {
  const { access: _access, limits: _limits, ...rest } = merged;
  const tcp = entriesOf(merged).map((entry) => {
    const { id, enabled, protocol, address, fromPort, globalPortRanges } = entry;
    return { id, enabled, protocol, address, fromPort, globalPortRanges, toPort: 1 };
  });
  const frame = { ...rest, tcp, web: { ...merged.web, routes: [] }, certificates: [] };
  parseOptions(frame, {
    certificates: defaultDomainsOf(merged.web, merged.tcp),
    accessLists: 'any',
  });
}
