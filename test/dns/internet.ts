import { ManualClock } from '../../ts/core/manual-clock.ts';
import { encodeMessage } from '../../ts/dns/codec/encode.ts';
import {
  decodeMessage,
  type IMessage,
  type IRecord,
  isMessageError,
  responseTo,
} from '../../ts/dns/codec/message.ts';
import {
  equalNames,
  formatName,
  isSubdomain,
  lowerName,
  parseName,
  type TName,
} from '../../ts/dns/codec/name.ts';
import { rdataCodec } from '../../ts/dns/codec/rdata.ts';
import { tokensOf } from '../../ts/dns/codec/tokens.ts';
import { rcode, recordTypeName, recordTypeOf } from '../../ts/dns/codec/types.ts';
import {
  createResolver,
  type IOwnedResolver,
  type IResolverOptions,
  type IServer,
  type ITransport,
} from '../../ts/dns/resolver/index.ts';
import type {
  IDatagramEvents,
  IStreamChannel,
  IStreamEvents,
} from '../../ts/dns/resolver/transport.ts';
import { randomFrom } from '../suites/random.ts';

/** What a server is asked, and how. */
export interface IVisit {
  readonly query: IMessage;
  readonly bytes: Buffer;
  readonly via: 'udp' | 'stream' | 'https';
  readonly address: string;
}

/** What a server sends back: messages or raw bytes, or nothing. */
export type TBehaviour = (
  visit: IVisit,
) => IMessage | Buffer | null | readonly (IMessage | Buffer)[];

/** One line of the log of who was asked what. */
export interface ISeen {
  readonly address: string;
  readonly name: string;
  readonly type: string;
  readonly via: IVisit['via'];
}

/** A record from text: `www.example.org. 300 A 192.0.2.1`. */
export function record(line: string): IRecord {
  const [owner = '', ttl = '', type = '', ...rest] = line.trim().split(/\s+/);
  const number = recordTypeOf(type) ?? 0;
  const rdata = rdataCodec(number).parse(tokensOf(rest.join(' ')), parseName('.'));
  return { name: parseName(owner), type: number, class: 1, ttl: Number(ttl), rdata };
}

/** Records, one a line. */
export function records(text: string): IRecord[] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map(record);
}

/**
 * The Internet as a table of servers, in memory: answers come after `delayMs` of the clock. Addresses
 * that are not in the table swallow what is sent to them.
 */
export class Internet implements ITransport {
  readonly clock = new ManualClock();
  readonly seen: ISeen[] = [];
  /** Sources and ids of datagram queries. */
  readonly sockets: { readonly id: number; readonly bytes: Buffer }[] = [];
  /** Streams that were opened in all, and are open. */
  opened = 0;
  openStreams = 0;
  openDatagrams = 0;
  /** What else arrives at a socket once a query has gone: from any address. */
  forge: ((bytes: Buffer, deliver: IDatagramEvents['message']) => void) | null = null;
  /** Ends every stream once it has answered so many. */
  answersPerStream = Number.POSITIVE_INFINITY;
  private readonly behaviours = new Map<string, { run: TBehaviour; delayMs: number }>();

  /** Puts a server at an address. */
  on(address: string, run: TBehaviour, delayMs = 10): this {
    this.behaviours.set(address, { run, delayMs });
    return this;
  }

  /** A server of zones, each with its records; a server knows the zones' own apexes only. */
  serve(address: string, zones: Readonly<Record<string, string>>, delayMs = 10): this {
    return this.on(address, authority(zones), delayMs);
  }

  /** Questions that an address got, as `name type`. */
  asked(address: string): string[] {
    return this.seen
      .filter((one) => one.address === address)
      .map(({ name, type }) => `${name} ${type}`);
  }

  openDatagram(server: IServer, events: IDatagramEvents) {
    let isOpen = true;
    this.openDatagrams++;
    const deliver = (bytes: Buffer, address: string, port: number): void => {
      if (isOpen) events.message(bytes, address, port);
    };
    return {
      send: (bytes: Buffer): void => {
        this.sockets.push({ id: bytes.readUInt16BE(0), bytes });
        this.forge?.(bytes, deliver);
        this.visit(server, bytes, 'udp', (reply) => deliver(reply, server.address, server.port));
      },
      close: (): void => {
        if (isOpen) this.openDatagrams--;
        isOpen = false;
      },
    };
  }

  openStream(server: IServer, events: IStreamEvents): IStreamChannel {
    let isOpen = true;
    let answers = 0;
    this.opened++;
    this.openStreams++;
    const close = (): void => {
      if (isOpen) this.openStreams--;
      isOpen = false;
    };
    return {
      write: (bytes: Buffer): void => {
        this.visit(server, bytes.subarray(2), 'stream', (reply) => {
          if (!isOpen) return;
          if (++answers > this.answersPerStream) {
            close();
            events.closed(null);
            return;
          }
          const framed = Buffer.alloc(2 + reply.length);
          framed.writeUInt16BE(reply.length);
          reply.copy(framed, 2);
          // In pieces, as TCP may.
          events.data(framed.subarray(0, 1));
          events.data(framed.subarray(1, 7));
          events.data(framed.subarray(7));
        });
      },
      close,
    };
  }

  post(server: IServer, body: Buffer) {
    const { promise, resolve, reject } = Promise.withResolvers<{
      status: number;
      contentType: string;
      body: Buffer;
    }>();
    this.visit(server, body, 'https', (reply) => {
      resolve({ status: 200, contentType: 'application/dns-message', body: reply });
    });
    return { reply: promise, cancel: () => reject(new Error('given up')) };
  }

  close(): void {
    this.behaviours.clear();
  }

  private visit(
    { address }: IServer,
    bytes: Buffer,
    via: IVisit['via'],
    deliver: (reply: Buffer) => void,
  ): void {
    const query = decodeMessage(bytes);
    if (isMessageError(query)) throw new Error(`we sent nonsense: ${query.reason}`);
    const [question] = query.question;
    if (question === undefined) throw new Error('we sent no question');
    const name = formatName(lowerName(question.name));
    this.seen.push({ address, name, type: recordTypeName(question.type), via });
    const server = this.behaviours.get(address);
    if (server === undefined) return;
    const said = server.run({ query, bytes, via, address });
    const replies = said === null ? [] : Array.isArray(said) ? said : [said];
    this.clock.setTimeout(() => {
      for (const reply of replies as (IMessage | Buffer)[]) {
        const sizeMax = via === 'udp' ? (query.edns?.udpSize ?? 512) : 65_535;
        deliver(Buffer.isBuffer(reply) ? reply : encodeMessage(reply, { sizeMax }));
      }
    }, server.delayMs);
  }
}

/** Turns the clock until the promise is settled. */
export async function settle<T>(internet: Internet, promise: Promise<T>): Promise<T> {
  let isSettled = false;
  const end = (): void => {
    isSettled = true;
  };
  promise.then(end, end);
  for (let turn = 0; turn < 20_000; turn++) {
    await new Promise((done) => setImmediate(done));
    if (isSettled) return promise;
    internet.clock.advance(5);
  }
  throw new Error('it does not settle');
}

/** A resolver in this Internet; nothing else of the machine is used. */
export function resolverIn(
  internet: Internet,
  options: Omit<IResolverOptions, 'transport' | 'clock' | 'hostsPath'>,
): IOwnedResolver {
  const random = randomFrom(7);
  return createResolver({
    hostsPath: null,
    random,
    ...options,
    clock: internet.clock,
    transport: internet,
  });
}

/** A recursing resolver whose root server is 198.51.100.1. */
export function recursorIn(
  internet: Internet,
  options: Partial<Omit<IResolverOptions, 'transport' | 'clock'>> = {},
): IOwnedResolver {
  const hints = [['a.root-servers.net.', '198.51.100.1']] as const;
  return resolverIn(internet, { mode: { type: 'recurse', hints }, ...options });
}

/** The root, with delegations, at 198.51.100.1. */
export function rootWith(internet: Internet, delegations: string): Internet {
  return internet.serve('198.51.100.1', {
    '.': `. 86400 SOA a.root-servers.net. x. 1 1800 900 604800 86400
      . 518400 NS a.root-servers.net.
      a.root-servers.net. 518400 A 198.51.100.1
      ${delegations}`,
  });
}

/** The behaviour of a server of zones, as RFC 1034 §4.3.2 has it, without wildcards. */
export function authority(zones: Readonly<Record<string, string>>): TBehaviour {
  const served = Object.entries(zones).map(([apex, text]) => {
    return { apex: parseName(apex), records: records(text) };
  });
  return ({ query }) => {
    const question = query.question[0] as IMessage['question'][0];
    const name = lowerName(question.name);
    const holding = served.filter(({ apex }) => isSubdomain(name, apex));
    const zone = holding.toSorted((one, other) => other.apex.length - one.apex.length)[0];
    const reply = { ...responseTo(query, rcode.NOERROR), edns: query.edns };
    if (zone === undefined) return { ...reply, rcode: rcode.REFUSED };
    return { ...reply, ...answerFrom(zone, name, question.type) };
  };
}

interface IServed {
  readonly apex: TName;
  readonly records: readonly IRecord[];
}

function answerFrom({ apex, records: all }: IServed, name: TName, type: number): Partial<IMessage> {
  const cut = all.find((one) => {
    const isCut = recordTypeName(one.type) === 'NS' && !equalNames(one.name, apex);
    const isDs = type === 43 && equalNames(one.name, name);
    return isCut && !isDs && isSubdomain(name, one.name);
  });
  if (cut !== undefined) {
    const authorities = all.filter(
      (one) => one.type === cut.type && equalNames(one.name, cut.name),
    );
    const additional = all.filter((one) => {
      const isAddress = one.type === 1 || one.type === 28;
      return isAddress && authorities.some(({ rdata }) => equalNames(lowerName(rdata), one.name));
    });
    return { authority: authorities, additional };
  }
  const own = all.filter((one) => equalNames(one.name, name));
  const soa = all.filter((one) => recordTypeName(one.type) === 'SOA');
  const found = own.filter((one) => one.type === type || recordTypeName(one.type) === 'CNAME');
  if (found.length > 0) {
    const additional = all.filter((one) => {
      return type === 2 && one.type === 1 && found.some(({ rdata }) => rdata.equals(one.name));
    });
    return { authoritative: true, answer: found, additional };
  }
  const exists = all.some((one) => isSubdomain(one.name, name));
  const code = exists ? rcode.NOERROR : rcode.NXDOMAIN;
  return { authoritative: true, rcode: code, authority: soa };
}
