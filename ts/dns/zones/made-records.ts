import type { IZoneOptions } from '../../../ts_interfaces/index.ts';
import { formatName, NameError, parseName } from '../codec/name.ts';
import { rdataCodec } from '../codec/rdata.ts';
import { tokensOf } from '../codec/tokens.ts';
import { recordType } from '../codec/types.ts';
import { nextSerial } from '../zone/serial.ts';
import type { IRrsetChange } from '../zone/zone.ts';
import { zoneInvalid } from './zone-base.ts';

/** Seconds, for record sets of a zone without a `ttl`. */
export const defaultTtlS = 3600;

/** Refresh, retry, expiry and negative TTL in seconds: RFC 1912 §2.2 with a short negative TTL. */
const soaTimes = '7200 3600 1209600 300';

/**
 * The SOA and NS records that a zone gets from its options.
 *
 * @param missing types that its content lacks.
 * @returns none where the options name no servers.
 * @throws DcError `ZONE_INVALID` for a name that is none.
 */
export function makeRecords(
  apex: Buffer,
  { nameservers = [], contact, ttl = defaultTtlS, serial = 'increment' }: IZoneOptions,
  missing: ReadonlySet<number>,
  nowMs: number,
): IRrsetChange[] {
  const servers = nameservers.map((name, index) => hostName(name, `nameservers[${index}]`));
  const [primary] = servers;
  if (primary === undefined) return [];
  const made: IRrsetChange[] = [];
  if (missing.has(recordType.SOA)) {
    const words = [
      formatName(primary),
      formatName(mailbox(contact, apex)),
      nextSerial(0, serial, nowMs),
      soaTimes,
    ];
    const rdata = rdataCodec(recordType.SOA).parse(tokensOf(words.join(' ')), apex);
    made.push({ name: apex, type: recordType.SOA, ttl, rdatas: [rdata] });
  }
  if (missing.has(recordType.NS)) {
    made.push({ name: apex, type: recordType.NS, ttl, rdatas: servers });
  }
  return made;
}

/** RFC 1035 §8: what stands before the `@` is the first label. */
function mailbox(contact: string | undefined, apex: Buffer): Buffer {
  if (contact === undefined) return hostName('hostmaster', 'contact', apex);
  const at = contact.lastIndexOf('@');
  if (at === -1) return hostName(contact, 'contact');
  const user = contact.slice(0, at).replace(/[.\\]/g, '\\$&');
  return hostName(`${user}.${contact.slice(at + 1)}`, 'contact');
}

function hostName(text: string, path: string, origin?: Buffer): Buffer {
  try {
    return parseName(text, origin);
  } catch (error) {
    if (!(error instanceof NameError)) throw error;
    throw zoneInvalid('Cannot use this zone', [{ path, message: error.message, value: text }]);
  }
}
