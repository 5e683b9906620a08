import { httpDate, reasonOfStatus, type TAnswerCode } from './statuses.ts';

/** What an answer of ours has besides its status. */
export interface IAnswerOptions {
  /** Of the request. */
  id?: string | undefined;
  /** In place of the text that says the code. */
  body?: string | Buffer | undefined;
  /** The request was HEAD: only the length is told. */
  noBody?: boolean | undefined;
}

/**
 * Builds an answer of the router itself.
 *
 * @param lines further field lines, each with its CRLF.
 * @returns a body that is a text has ASCII only.
 */
export function buildAnswer(
  status: number,
  code: TAnswerCode,
  lines: string,
  closes: boolean,
  options: IAnswerOptions,
): { head: string; body: string | Buffer } {
  const reason = reasonOfStatus(status);
  const given = options.body ?? `${status} ${reason}\n${code} ${options.id ?? ''}\n`;
  const length = Buffer.byteLength(given);
  // These two have neither a body nor a length (RFC 9110 §8.6, §15.4.5).
  const isBare = status === 204 || status === 304;
  const isTyped = isBare || options.body !== undefined || /^content-type:/im.test(lines);
  const head =
    `HTTP/1.1 ${status} ${reason}\r\nDate: ${httpDate()}\r\n` +
    `${isTyped ? '' : 'Content-Type: text/plain\r\n'}` +
    `${isBare ? '' : `Content-Length: ${length}\r\n`}${lines}` +
    `${options.id ? `X-Request-Id: ${options.id}\r\n` : ''}` +
    `${closes ? 'Connection: close\r\n' : ''}\r\n`;
  if (isBare || options.noBody === true) return { head, body: '' };
  const isAscii = typeof given === 'string' && length === given.length;
  return { head, body: isAscii ? given : Buffer.from(given) };
}
