import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import type { IDcRouterOptions } from '../../ts_interfaces/data/options.ts';
import type { ILogger } from '../core/logger.ts';
import { defaultDomainsOf } from './default-domains.ts';
import { type ILoadedConfig, loadConfigFile } from './file.ts';
import { mergeOptions } from './merge.ts';
import { parseOptions } from './parse-options.ts';

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
  /** Which of the default certificates that a web plane names come from elsewhere. */
  certificatesOf(web: unknown): Promise<readonly string[]>;
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
    const { authProviders } = names;
    // With very many routes each step takes a while: traffic goes on between them.
    await setImmediate();
    const certificates = await names.certificatesOf(Object(value).web);
    const { options } = parseOptions(value, { source, authProviders, certificates });
    const { defaults, overrides } = this.surroundings;
    const merged = mergeOptions(mergeOptions(defaults, options), overrides);
    // The parts are right; whether they fit together (their ports) does not take their items.
    const frame = { ...merged, web: { ...merged.web, routes: [] }, certificates: [] };
    parseOptions(frame, { certificates: defaultDomainsOf(merged.web) });
    return { options: merged, file };
  }
}
