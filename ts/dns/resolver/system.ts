import type { IClock } from '../../core/clock.ts';
import type { IAnswer, IAnswerSource, IAsked, IWork } from './answer.ts';
import { Forwarder } from './forwarder.ts';
import type { QueryClient } from './query-client.ts';
import type { IResolvConf } from './resolv-conf.ts';
import type { ServerTable } from './server-table.ts';
import type { IServer } from './transport.ts';
import type { IValidator } from './validation.ts';

/** What asking the system's servers needs. */
export interface ISystemSourceParts {
  readonly client: QueryClient;
  readonly servers: ServerTable;
  readonly clock: IClock;
  readonly validator: IValidator | null;
  /** Gives the same object as long as nothing has changed. */
  readonly configuration: () => Promise<IResolvConf>;
  /** Called when the servers have changed, e.g. to flush the cache. */
  readonly onChange?: () => void;
}

/** Without a server in the file one on this machine is meant: resolv.conf(5). */
const ownMachine = ['127.0.0.1'];

/** Asks the servers of the system's resolv.conf, and follows its changes. */
export class SystemSource implements IAnswerSource {
  private readonly parts: ISystemSourceParts;
  private configuration: IResolvConf | null = null;
  private forwarder: Forwarder | null = null;

  constructor(parts: ISystemSourceParts) {
    this.parts = parts;
  }

  async answer(asked: IAsked, work: IWork): Promise<IAnswer> {
    const configuration = await this.parts.configuration();
    if (this.forwarder === null || configuration !== this.configuration) {
      const isChange = this.configuration !== null;
      this.configuration = configuration;
      this.forwarder = this.forwarderFor(configuration);
      if (isChange) this.parts.onChange?.();
    }
    return this.forwarder.answer(asked, work);
  }

  private forwarderFor({ servers, usesTcp, trustsAd, rotates }: IResolvConf): Forwarder {
    const addresses = servers.length === 0 ? ownMachine : servers;
    return new Forwarder({
      client: this.parts.client,
      servers: this.parts.servers,
      clock: this.parts.clock,
      validator: this.parts.validator,
      upstreams: addresses.map((address): IServer => {
        return { address, port: 53, protocol: usesTcp ? 'tcp' : 'udp' };
      }),
      trustAd: trustsAd,
      inOrder: !rotates,
    });
  }
}
