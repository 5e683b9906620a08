import { formatIp, ipWords, parseIp } from '../../net/ip.ts';

const words = ipWords();

/** The text of the address in an A or AAAA record's data, in the form of `canonicalIp`. */
export function addressOf(rdata: Buffer): string {
  const family = rdata.length === 4 ? 4 : 6;
  for (let index = 0; index * 4 < rdata.length; index++)
    words[index] = rdata.readUInt32BE(index * 4);
  return formatIp(family, words);
}

/** The data of an A or AAAA record of an address; null when the text is none. */
export function rdataOfAddress(text: string): Buffer | null {
  const family = parseIp(text, words);
  if (family === 0) return null;
  const rdata = Buffer.alloc(family === 4 ? 4 : 16);
  for (let index = 0; index * 4 < rdata.length; index++) {
    rdata.writeUInt32BE(words[index] as number, index * 4);
  }
  return rdata;
}
