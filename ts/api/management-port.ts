import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { IApiOptions } from '../../ts_interfaces/index.ts';
import { DcError } from '../core/errors.ts';
import type { ILogger } from '../core/logger.ts';
import { apiAddressFile, writePrivateFile } from './admin-token.ts';
import type { ControlPlane } from './control.ts';
import { ApiServer } from './server.ts';

/** What a `ManagementPort` is made of. */
export interface IManagementPortParts {
  control: ControlPlane;
  dataDir: string | undefined;
  logger: ILogger;
}

/** A management port that is bound and not announced, or the one that is there; null: there is to be none. */
export interface IPreparedPort {
  options: IApiOptions;
  server: ApiServer | null;
}

/** The management port as options want it: open, closed, or moved while the router runs. */
export class ManagementPort {
  private readonly parts: IManagementPortParts;
  private options: IApiOptions = {};
  private server: ApiServer | null = null;
  /** Servers that were replaced and still answer what they were asked. */
  private leaving: Promise<void> = Promise.resolve();

  constructor(parts: IManagementPortParts) {
    this.parts = parts;
  }

  /** Where it listens; undefined while it does not. */
  get address(): { address: string; port: number } | undefined {
    return this.server?.address;
  }

  /**
   * Opens the port that the options want; undefined: it is as they want it already.
   *
   * @throws DcError `LISTEN_FAILED`, as `ApiServer.start` does; nothing has changed then.
   */
  async prepare(options: IApiOptions = {}): Promise<IPreparedPort | undefined> {
    if (isDeepStrictEqual(options, this.options)) return undefined;
    if (options.enabled !== true) return { options, server: null };
    const { hosts: _before, ...place } = this.options;
    const { hosts: _after, ...wanted } = options;
    const { server: current } = this;
    if (current !== null && isDeepStrictEqual(place, wanted)) return { options, server: current };
    const server = new ApiServer({ ...this.parts, options });
    try {
      await server.start();
    } catch (cause) {
      const isOurs = this.address !== undefined && this.address.port === options.port;
      if (!isOurs || !(cause instanceof DcError)) throw cause;
      const hint = 'it has this port with another address; change the port as well, or restart';
      throw new DcError(cause.code, `${cause.message}: ${hint}`, { cause });
    }
    return { options, server };
  }

  /** Puts a prepared port in place; the old one closes when it has answered, perhaps this very change. */
  apply({ options, server }: IPreparedPort): void {
    const before = this.server;
    this.options = options;
    this.server = server;
    server?.answerTo(options.hosts);
    if (before === null || before === server) return;
    const { logger } = this.parts;
    this.leaving = this.leaving
      .then(() => before.stop())
      .then(() => this.announce())
      .catch((error: unknown) => {
        logger.error('api.failed', 'Cannot close the old management port', { error });
      });
  }

  /** Closes what was prepared and is not applied. */
  async discard({ server }: IPreparedPort): Promise<void> {
    if (server === this.server) return;
    await server?.stop();
    await this.announce();
  }

  /** Closes the port; open requests may end first. */
  async close(): Promise<void> {
    const { server } = this;
    this.server = null;
    this.options = {};
    await this.leaving;
    await server?.stop();
  }

  /** Whoever closes takes the note of where the port is with it. */
  private async announce(): Promise<void> {
    const { dataDir } = this.parts;
    if (this.server === null || dataDir === undefined) return;
    const note = `${JSON.stringify({ url: this.server.url, pid: process.pid })}\n`;
    await writePrivateFile(path.join(dataDir, apiAddressFile), note);
  }
}
