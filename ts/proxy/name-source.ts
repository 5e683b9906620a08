import { lookup, Resolver } from 'node:dns';
import { isIP } from 'node:net';
import { serviceDomain } from '../config/host-name.ts';

/** A record as a resolver gives it. */
export interface INameRecord {
  readonly type: string;
  /** Seconds. */
  readonly ttl: number;
  /** As in a master file, e.g. `192.0.2.1` or `10 5 8080 a.example.com.`. */
  readonly data: string;
}

/** Resolves names: what backends by name need of the router's resolver. */
export interface INameResolver {
  /** @param name absolute; with `search` perhaps a short one. @param type `A`, `AAAA` or `SRV`. */
  resolve(
    name: string,
    type: string,
    options?: { search?: boolean },
  ): Promise<{
    /** `NOERROR`, `NXDOMAIN`, or a failure such as `SERVFAIL`. */
    readonly rcode: string;
    readonly records: readonly INameRecord[];
    /** Seconds for which the answer holds. */
    readonly ttl: number;
  }>;
}

/** A place that a name stands for. */
export interface INamePlace {
  /** IP address. */
  readonly address: string;
  /** Of an SRV record; else 0. */
  readonly port: number;
  /** The lower is used first; 0 without SRV. */
  readonly priority: number;
  /** Share within the priority; 0 without SRV. */
  readonly weight: number;
  /** Of an SRV record; else empty. */
  readonly target: string;
}

/** What came of looking a name up. Data only: it also goes to worker processes. */
export interface INameLookup {
  /** Empty when it failed. */
  readonly places: readonly INamePlace[];
  /** Milliseconds for which it holds, before any limits. */
  readonly ttlMs: number;
  /** Some of it could not be asked for: what was known before still holds. */
  readonly isPartial: boolean;
  /** `ENOTFOUND`: there is nothing, `EAI_AGAIN`: nobody could say; null: there are places. */
  readonly failure: 'ENOTFOUND' | 'EAI_AGAIN' | null;
}

/** Looks names of backends up. */
export interface INameSource {
  /** @param hostname a name; of the form `_service._proto.name` it stands for SRV records. */
  lookup(hostname: string): Promise<INameLookup>;
}

/** SRV records of an answer that are used. */
const servicesMax = 64;
/** Seconds for which the machine's answers hold, which say nothing about it. */
const machineTtlS = 5;
/** Codes of Node that mean that there is nothing. */
const nothingCodes: ReadonlySet<string> = new Set(['ENOTFOUND', 'ENODATA', 'ENONAME']);

/** Looks names up by A and AAAA, or SRV, of a resolver. */
export class ResolverNames implements INameSource {
  private readonly resolver: INameResolver;

  constructor(resolver: INameResolver) {
    this.resolver = resolver;
  }

  lookup(hostname: string): Promise<INameLookup> {
    const isService = serviceDomain(hostname) !== undefined;
    return isService ? this.service(hostname) : this.host(hostname, true);
  }

  private async host(name: string, search: boolean): Promise<INameLookup> {
    const answers = await Promise.all([
      this.ask(name, 'A', search),
      this.ask(name, 'AAAA', search),
    ]);
    const places = answers.flatMap(({ records }) =>
      records
        .filter(({ data }) => isIP(data) !== 0)
        .map(({ data: address }) => ({ address, port: 0, priority: 0, weight: 0, target: '' })),
    );
    return together(answers, places);
  }

  private async service(name: string): Promise<INameLookup> {
    const answer = await this.ask(name, 'SRV', true);
    const services = answer.records.flatMap(readService).slice(0, servicesMax);
    const targets = [...new Set(services.map(({ target }) => target))];
    const hosts = new Map<string, INameLookup>();
    await Promise.all(
      targets.map(async (target) => hosts.set(target, await this.targetOf(target))),
    );
    const places = services.flatMap((service) => {
      const found = hosts.get(service.target)?.places ?? [];
      return found.map(({ address }) => ({ ...service, address }));
    });
    const parts = [...hosts.values()].map(({ ttlMs, isPartial, failure }) => ({
      ttlS: ttlMs / 1000,
      // A target that does not exist is an answer, too.
      isFailed: isPartial || failure === 'EAI_AGAIN',
    }));
    return together([answer, ...parts], places);
  }

  private async targetOf(target: string): Promise<INameLookup> {
    if (isIP(target) === 0) return this.host(target, false);
    const place = { address: target, port: 0, priority: 0, weight: 0, target: '' };
    return { places: [place], ttlMs: Number.POSITIVE_INFINITY, isPartial: false, failure: null };
  }

  /** @param search the name may be short: the machine's search domains complete it. */
  private async ask(name: string, type: string, search: boolean): Promise<IAsked> {
    const answer = await this.resolver.resolve(name, type, { search });
    const { rcode, ttl } = answer;
    const isFailed = rcode !== 'NOERROR' && rcode !== 'NXDOMAIN';
    const records = isFailed ? [] : answer.records.filter((record) => record.type === type);
    return { records, ttlS: ttl, isFailed };
  }
}

interface IAsked {
  readonly records: readonly INameRecord[];
  readonly ttlS: number;
  readonly isFailed: boolean;
}

function together(
  answers: readonly Pick<IAsked, 'ttlS' | 'isFailed'>[],
  places: readonly INamePlace[],
): INameLookup {
  const isPartial = answers.some(({ isFailed }) => isFailed);
  const ttlMs = Math.min(...answers.map(({ ttlS }) => ttlS)) * 1000;
  const failure = places.length > 0 ? null : isPartial ? 'EAI_AGAIN' : 'ENOTFOUND';
  return { places, ttlMs, isPartial: isPartial && failure === null, failure };
}

/** Nothing for what is no SRV record, and for `.`: the service is not offered there. */
function readService({ data }: INameRecord): Omit<INamePlace, 'address'>[] {
  const [, priority, weight, port, name = ''] = /^(\d+) (\d+) (\d+) (\S+)$/.exec(data) ?? [];
  const target = name.replace(/\.$/, '').toLowerCase();
  if (target === '' || Number(port) === 0) return [];
  return [{ priority: Number(priority), weight: Number(weight), port: Number(port), target }];
}

/** Resolves as the machine does (hosts file, resolv.conf), for a proxy without a resolver of its own. */
export const machineResolver: INameResolver = {
  resolve: (name, type) => (type === 'SRV' ? servicesOf(name) : addressesOf(name, type)),
};

function addressesOf(name: string, type: string): ReturnType<INameResolver['resolve']> {
  return new Promise((resolve) => {
    lookup(name, { all: true, family: type === 'A' ? 4 : 6 }, (error, found) => {
      resolve(answerOf(error, error === null ? found.map(({ address }) => address) : [], type));
    });
  });
}

function servicesOf(name: string): ReturnType<INameResolver['resolve']> {
  return new Promise((resolve) => {
    // A resolver of its own follows changes of resolv.conf.
    new Resolver().resolveSrv(name, (error, found) => {
      const texts = error === null ? found.map(textOf) : [];
      resolve(answerOf(error, texts, 'SRV'));
    });
  });
}

function textOf(service: { priority: number; weight: number; port: number; name: string }): string {
  return `${service.priority} ${service.weight} ${service.port} ${service.name || '.'}`;
}

function answerOf(error: NodeJS.ErrnoException | null, found: readonly string[], type: string) {
  const isNothing = error !== null && nothingCodes.has(error.code ?? '');
  const rcode = error === null ? 'NOERROR' : isNothing ? 'NXDOMAIN' : 'SERVFAIL';
  const records = found.map((data) => ({ type, ttl: machineTtlS, data }));
  return { rcode, records, ttl: machineTtlS };
}
