/** Longest file whose bytes can all be escaped: a text has no more than some 500 million characters. */
export const oddBytesMax = 130_000_000;

/** Bytes that are escaped together. */
const partBytes = 65_536;

/**
 * The text of a file that is not UTF-8: bytes above 127 as `\DDD`, so that they stay what they are.
 *
 * @param bytes at most `oddBytesMax`.
 */
export function escapeOddBytes(bytes: Buffer): string {
  const parts: string[] = [];
  const out = Buffer.allocUnsafe(4 * partBytes);
  for (let from = 0; from < bytes.length; from += partBytes) {
    let length = 0;
    for (const byte of bytes.subarray(from, from + partBytes)) {
      if (byte < 0x80) {
        out[length++] = byte;
        continue;
      }
      out[length++] = 0x5c;
      out[length++] = 0x30 + Math.floor(byte / 100);
      out[length++] = 0x30 + (Math.floor(byte / 10) % 10);
      out[length++] = 0x30 + (byte % 10);
    }
    parts.push(out.toString('latin1', 0, length));
  }
  return parts.join('');
}
