/** Carriage return. */
export const CR = 13;
/** Line feed. */
export const LF = 10;
/** Space. */
export const SP = 32;
/** Horizontal tab. */
export const HTAB = 9;
/** `:` */
export const COLON = 58;

function classOf(test: (code: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, code) => (test(code) ? 1 : 0));
}

function oneOf(characters: string): (code: number) => boolean {
  return (code) => characters.includes(String.fromCharCode(code));
}

const isAlphanumeric = (code: number) => /[0-9A-Za-z]/.test(String.fromCharCode(code));
const isTokenMark = oneOf("!#$%&'*+-.^_`|~");
const isHostMark = oneOf('-._');

/** `tchar` of RFC 9110 §5.6.2: what a method or a field name consists of. */
export const tokenClass = classOf((code) => isAlphanumeric(code) || isTokenMark(code));

/** What a field value may contain (RFC 9110 §5.5), `obs-text` included. */
export const valueClass = classOf((code) => code === HTAB || (code >= SP && code !== 127));

/** What a request target may contain: visible ASCII without `#`, which starts a fragment. */
export const targetClass = classOf((code) => code > SP && code < 127 && code !== 35);

/** What a host name may contain: no sub-delimiters and no percent-encoding. */
export const hostClass = classOf((code) => isAlphanumeric(code) || isHostMark(code));

/** Value of a hexadecimal digit, 255 for other bytes. */
export const hexValue = Uint8Array.from({ length: 256 }, (_, code) => {
  const text = String.fromCharCode(code);
  return /[0-9A-Fa-f]/.test(text) ? Number.parseInt(text, 16) : 255;
});
