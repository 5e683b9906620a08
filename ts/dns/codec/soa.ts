/** The numbers of a SOA: they stand behind its two names, so they are found from its end. */

/** RFC 1035 §3.3.13. */
export interface ISoaNumbers {
  readonly serial: number;
  readonly refreshS: number;
  readonly retryS: number;
  readonly expireS: number;
  /** Seconds that a negative answer may be kept (RFC 2308 §4). */
  readonly minimumS: number;
}

const numbersBytes = 20;
const minimumBytes = 4;

/** All five. @param rdata whole and uncompressed, as a zone and a decoded message have it. */
export function soaNumbers(rdata: Buffer): ISoaNumbers {
  const start = rdata.length - numbersBytes;
  return {
    serial: rdata.readUInt32BE(start),
    refreshS: rdata.readUInt32BE(start + 4),
    retryS: rdata.readUInt32BE(start + 8),
    expireS: rdata.readUInt32BE(start + 12),
    minimumS: rdata.readUInt32BE(start + 16),
  };
}

/** The first of them. @param rdata as for `soaNumbers`. */
export function soaSerial(rdata: Buffer): number {
  return rdata.readUInt32BE(rdata.length - numbersBytes);
}

/** The last of them, in seconds; 0 for what is too short to be a SOA's data. */
export function soaMinimumS(rdata: Buffer): number {
  return rdata.length < numbersBytes ? 0 : rdata.readUInt32BE(rdata.length - minimumBytes);
}

/** A copy with another serial. @param rdata as for `soaNumbers`. */
export function soaWithSerial(rdata: Buffer, serial: number): Buffer {
  const copy = Buffer.from(rdata);
  copy.writeUInt32BE(serial, copy.length - numbersBytes);
  return copy;
}
