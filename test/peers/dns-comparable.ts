import { formatName, lowerName } from '../../ts/dns/codec/name.ts';
import { rdataCodec } from '../../ts/dns/codec/rdata.ts';
import { rcodeName, recordType, recordTypeName } from '../../ts/dns/codec/types.ts';
import { decoded, plainEdns } from '../dns/query.ts';

/** How resolvers are asked. */
export const ways = {
  'with DO': { recursionDesired: true, edns: { ...plainEdns, do: true } },
  'with CD': { recursionDesired: true, checkingDisabled: true, edns: { ...plainEdns, do: true } },
  'with AD': { recursionDesired: true, authenticatedData: true },
  plain: { recursionDesired: true },
};

export type TWay = keyof typeof ways;

/** What two resolvers have to have in common: the rcode, AD, the answer, and who denies. */
export function comparable(bytes: Buffer | null, way: TWay): string {
  if (bytes === null) return 'SERVFAIL';
  const message = decoded(bytes);
  const answer = message.answer.map(({ name, type, rdata }) => {
    const owner = formatName(lowerName(name));
    const isSignature = type === recordType.RRSIG;
    const data = isSignature
      ? recordTypeName(rdata.readUInt16BE(0))
      : rdataCodec(type).format(rdata);
    return `${owner} ${recordTypeName(type)} ${data.toLowerCase()}`;
  });
  const soa = message.authority.find(({ type }) => type === recordType.SOA);
  const denied = soa === undefined ? '' : ` denied by ${formatName(lowerName(soa.name))}`;
  // Unbound says AD of what it has checked for others before; we check nothing for who asks with CD.
  const ad = message.authenticatedData && way !== 'with CD' ? ' ad' : '';
  const tc = message.truncated ? ' tc' : '';
  return [`${rcodeName(message.rcode)}${ad}${tc}${denied}`, ...answer.sort()].join('\n  ');
}
