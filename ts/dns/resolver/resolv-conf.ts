import { canonicalIp } from '../../net/ip.ts';

/**
 * What `/etc/resolv.conf` says, as resolv.conf(5) and glibc have it. How long to wait, and how often
 * to ask, the resolver learns by itself: `timeout` and `attempts` do not count.
 */
export interface IResolvConf {
  /** In their order, at most three. Empty means this machine. */
  readonly servers: readonly string[];
  /** Domains that are tried behind a short name. */
  readonly search: readonly string[];
  /** Dots from which on a name is tried as it is first. */
  readonly dotsMin: number;
  /** Whether queries are spread over the servers. */
  readonly rotates: boolean;
  /** Whether TCP is used from the start. */
  readonly usesTcp: boolean;
  /** Whether the servers' AD is believed. */
  readonly trustsAd: boolean;
}

/** Limits of glibc, and one of ours for the search list, which glibc has none for. */
const serversMax = 3;
const searchMax = 16;
const dotsMax = 15;

/**
 * Reads the text of a resolv.conf. What it does not understand is left out, as every resolver does:
 * the file is not ours.
 */
export function parseResolvConf(text: string): IResolvConf {
  const servers: string[] = [];
  let search: string[] = [];
  let options = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [keyword, ...values] = line.trim().split(/[ \t]+/);
    const [first] = values;
    if (keyword === 'nameserver' && first !== undefined) {
      const address = canonicalIp(first);
      if (address !== undefined && servers.length < serversMax) servers.push(address);
    } else if (keyword === 'domain' && first !== undefined) {
      search = [first];
    } else if (keyword === 'search') {
      search = values.filter((value) => value !== '.').slice(0, searchMax);
    } else if (keyword === 'options') {
      options = new Map([...options, ...values.map(optionOf)]);
    }
  }
  return {
    servers,
    search,
    dotsMin: dotsOf(options.get('ndots')),
    rotates: options.has('rotate'),
    usesTcp: options.has('use-vc'),
    trustsAd: options.has('trust-ad'),
  };
}

function optionOf(text: string): [name: string, value: string] {
  const colon = text.indexOf(':');
  return colon === -1 ? [text, ''] : [text.slice(0, colon), text.slice(colon + 1)];
}

function dotsOf(text: string | undefined): number {
  if (text === undefined || !/^\d{1,9}$/.test(text)) return 1;
  return Math.min(dotsMax, Number(text));
}
