import type { IDnsClient, IQueryHandler } from '../../ts/dns/answer/index.ts';
import { streamed } from '../../ts/dns/answer/index.ts';
import type {
  IDatagramChannel,
  IDatagramEvents,
  IServer,
  IStreamChannel,
  IStreamEvents,
  ITransport,
} from '../../ts/dns/resolver/transport.ts';

/** What a server at an address does with a query; null: nothing comes back. */
export type TServerScript = (query: Buffer, how: 'udp' | 'tcp') => AsyncIterable<Buffer> | null;

/** A network of servers that are functions. Streams deliver each message as one piece. */
export class FakeNetwork implements ITransport {
  /** By address. One that is not there refuses connections, and does not answer datagrams. */
  readonly servers = new Map<string, TServerScript>();
  /** Queries that were sent, as `udp 192.0.2.1`. */
  readonly sent: string[] = [];
  /** Streams that are open. */
  open = 0;

  openDatagram(server: IServer, events: IDatagramEvents): IDatagramChannel {
    let isClosed = false;
    return {
      send: (bytes) => {
        this.sent.push(`udp ${server.address}`);
        const answers = this.servers.get(server.address)?.(Buffer.from(bytes), 'udp') ?? null;
        if (answers === null) return;
        void (async () => {
          for await (const answer of answers) {
            if (!isClosed) events.message(answer, server.address, server.port);
            return;
          }
        })();
      },
      close: () => {
        isClosed = true;
      },
    };
  }

  openStream(server: IServer, events: IStreamEvents): IStreamChannel {
    let isClosed = false;
    this.open++;
    const close = (): void => {
      if (!isClosed) this.open--;
      isClosed = true;
    };
    return {
      write: (bytes) => {
        this.sent.push(`tcp ${server.address}`);
        void this.play(server.address, bytes.subarray(2), events, () => isClosed).then((ends) => {
          if (isClosed || !ends) return;
          close();
          events.closed(null);
        });
      },
      close,
    };
  }

  post(): never {
    throw new Error('Nobody here speaks HTTP');
  }

  close(): void {
    this.servers.clear();
  }

  /** @returns whether the server ends the connection then. */
  private async play(
    address: string,
    query: Buffer,
    events: IStreamEvents,
    isClosed: () => boolean,
  ): Promise<boolean> {
    await Promise.resolve();
    const script = this.servers.get(address);
    if (script === undefined) {
      if (!isClosed()) events.closed(new Error('connect ECONNREFUSED'));
      return false;
    }
    const answers = script(Buffer.from(query), 'tcp');
    if (answers === null) return false;
    for await (const answer of answers) {
      if (isClosed()) return false;
      const head = Buffer.alloc(2);
      head.writeUInt16BE(answer.length);
      events.data(Buffer.concat([head, answer]));
    }
    return true;
  }
}

/** A real server of ours behind a fake network. @param address of its clients. */
export function scriptOf(handler: IQueryHandler, address = '192.0.2.7'): TServerScript {
  return (query, how) => {
    const client: IDnsClient = { address, transport: how };
    const out = Buffer.alloc(65_535);
    const length = handler.answer(query, client, out);
    if (length === 0) return null;
    return length === streamed ? handler.stream(query, client) : once(out.subarray(0, length));
  };
}

/** Answers of one message each. */
export async function* once(...answers: Buffer[]): AsyncGenerator<Buffer> {
  yield* answers;
}
