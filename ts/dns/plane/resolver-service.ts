import { isDeepStrictEqual } from 'node:util';
import type { IDnsResolverOptions } from '../../../ts_interfaces/index.ts';
import { isDnsServer, readDnsServer } from '../../config/dns-server-text.ts';
import type { IClock } from '../../core/clock.ts';
import { DcError } from '../../core/errors.ts';
import type { ILogger } from '../../core/logger.ts';
import { CidrSet } from '../../net/cidr.ts';
import { Validator } from '../dnssec/validator.ts';
import {
  createResolver,
  hasPublicIpv6,
  type IOwnedResolver,
  type IResolution,
  type IResolveOptions,
  type IResolver,
  type IResolverOptions,
  type IServer,
  type TOwnZones,
  type TResolverMode,
} from '../resolver/index.ts';
import { type IRootSource, readRootSource } from './root-source.ts';

/** What a resolver service works with. */
export interface IResolverServiceParts {
  readonly clock: IClock;
  readonly logger: ILogger;
  /** Asked before anybody else. */
  readonly own: TOwnZones;
  /** Folder that files of the options are relative to. @default the working folder */
  readonly baseFolder?: () => string;
  /** Of the resolver that it makes, for tests: the network, files of the system. @default the machine's */
  readonly overrides?: Partial<IResolverOptions>;
}

/** A resolver for options; the one in force when they are the same. */
export interface IPreparedResolver {
  readonly options: IDnsResolverOptions;
  /** As it was in the files of the options. */
  readonly root: IRootSource;
  readonly owned: IOwnedResolver;
}

const cacheBytesMaxDefault = 33_554_432;
/** What is under way at a resolver that is replaced has so long to end. */
const graceMs = 15_000;
const publicRoot: IRootSource = { hints: undefined, anchors: undefined };
const loopback = new CidrSet(['127.0.0.0/8', '::1']);

/** One resolver for all parts of the router, which follows the options. */
export class ResolverService implements IResolver {
  private readonly parts: IResolverServiceParts;
  private readonly leaving = new Set<IOwnedResolver>();
  private inForce: IPreparedResolver;
  private isStopped = false;

  /** Asks the servers of the machine until other options are applied. */
  constructor(parts: IResolverServiceParts) {
    this.parts = parts;
    this.inForce = { options: {}, root: publicRoot, owned: this.make({}, publicRoot) };
  }

  /** The resolver of the options in force; ask for it anew each time. */
  get current(): IOwnedResolver {
    return this.inForce.owned;
  }

  resolve(name: string, type: string, options?: IResolveOptions): Promise<IResolution> {
    return this.current.resolver.resolve(name, type, options);
  }

  /** Makes the resolver for options, which opens nothing. @throws DcError `CONFIG_INVALID` */
  prepare({ clients: _, ...options }: IDnsResolverOptions = {}): IPreparedResolver {
    const { inForce } = this;
    const root = readRootSource(options, this.parts.baseFolder ?? process.cwd);
    const isSame =
      isDeepStrictEqual(options, inForce.options) && isDeepStrictEqual(root, inForce.root);
    if (isSame && !this.isStopped) return inForce;
    return { options, root, owned: this.make(options, root) };
  }

  /** Asks like that from the next question on; what is under way ends as it began. */
  apply(prepared: IPreparedResolver): void {
    const { owned: before } = this.inForce;
    this.isStopped = false;
    this.inForce = prepared;
    if (before === prepared.owned) return;
    this.leaving.add(before);
    this.parts.clock.setTimeout(() => this.close(before), graceMs);
  }

  /** Closes what a resolver that is not applied may have. */
  discard({ owned }: IPreparedResolver): void {
    if (owned !== this.current) owned.close();
  }

  /** Closes all connections; what is under way fails. */
  stop(): void {
    this.isStopped = true;
    for (const owned of [...this.leaving, this.current]) this.close(owned);
  }

  private close(owned: IOwnedResolver): void {
    this.leaving.delete(owned);
    owned.close();
  }

  private make(options: IDnsResolverOptions, { hints, anchors }: IRootSource): IOwnedResolver {
    const { clock, logger, own, overrides } = this.parts;
    const { servers = [], staleTtlMax, prefetch = true } = options;
    const mode = options.mode ?? (servers.length > 0 ? 'forward' : 'system');
    const validate = options.validate ?? mode === 'recurse';
    return createResolver({
      mode: mode === 'recurse' ? recursionFrom(hints) : modeOf(mode, servers),
      validator: validate ? new Validator(anchors === undefined ? {} : { anchors }, clock) : null,
      cache: {
        bytesMax: options.cacheBytesMax ?? cacheBytesMaxDefault,
        ...(options.ttlMin === undefined ? {} : { ttlSecondsMin: options.ttlMin }),
        ...(options.ttlMax === undefined ? {} : { ttlSecondsMax: options.ttlMax }),
        ...(options.negativeTtlMax === undefined
          ? {}
          : { negativeTtlSecondsMax: options.negativeTtlMax }),
        ...(staleTtlMax === undefined ? {} : { staleSecondsMax: staleTtlMax }),
      },
      own,
      clock,
      ...(prefetch ? {} : { prefetchShare: 0 }),
      onFault: (error) => {
        logger.error('resolver.failed', 'A name could not be resolved because of a fault of ours', {
          error,
        });
      },
      onFileProblem: (error) => {
        logger.warn('resolver.fileUnreadable', 'Cannot read a file of the system', { error });
      },
      ...overrides,
    });
  }
}

function recursionFrom(hints: IRootSource['hints']): TResolverMode {
  // Whoever names servers by IPv6 reaches them.
  const isNamed = hints?.some(([, ...addresses]) => addresses.some((one) => one.includes(':')));
  const ipv6 = isNamed === true || hasPublicIpv6();
  return { type: 'recurse', ipv6, ...(hints !== undefined && { hints }) };
}

function modeOf(mode: 'system' | 'forward', texts: readonly string[]): TResolverMode {
  if (mode !== 'forward') return { type: mode };
  const upstreams = texts.map(serverOf);
  // Nobody is on the way who could have set AD: RFC 6840 §5.8.
  const trustAd = upstreams.every(
    ({ protocol, address }) =>
      protocol === 'tls' || protocol === 'https' || loopback.contains(address),
  );
  return { type: 'forward', upstreams, trustAd };
}

function serverOf(text: string, index: number): IServer {
  const server = readDnsServer(text);
  if (isDnsServer(server)) return server;
  const path = `dns.resolver.servers[${index}]`;
  throw new DcError('CONFIG_INVALID', `Cannot ask "${text}"`, {
    problems: [{ path, message: server.problem, value: text }],
  });
}
