import {
  buildProxyHeader,
  type IProxyTlv,
  proxySslTlv,
  proxyTlv,
} from '../../net/proxy-protocol.ts';
import type { IClientAddress } from '../client-address.ts';

/** What is known of a client's TLS that was ended here. */
export interface IEndedTls {
  /** `TLSv1.3` */
  readonly version: string;
  readonly cipher: string;
  /** Protocol that was agreed on; '' without. */
  readonly alpn: string;
}

/**
 * The header that tells a backend who the client is; version 2 also tells the name that the client
 * asked for, and what its TLS was that ended here.
 *
 * @param tls null: no TLS ended here.
 */
export function proxyHeaderFor(
  version: 1 | 2,
  client: IClientAddress,
  serverName: string | null,
  tls: IEndedTls | null,
): Buffer {
  return buildProxyHeader(version, {
    sourceIp: client.clientIp,
    sourcePort: client.clientPort,
    destinationIp: client.localIp,
    destinationPort: client.localPort,
    tlvs: version === 2 ? tlvsOf(serverName, tls) : [],
  });
}

function tlvsOf(serverName: string | null, tls: IEndedTls | null): IProxyTlv[] {
  const tlvs: IProxyTlv[] = [];
  if (tls !== null && tls.alpn !== '') tlvs.push(textTlv(proxyTlv.ALPN, tls.alpn));
  if (serverName !== null) tlvs.push(textTlv(proxyTlv.AUTHORITY, serverName));
  if (tls !== null) tlvs.push({ type: proxyTlv.SSL, value: sslValue(tls) });
  return tlvs;
}

function textTlv(type: number, text: string): IProxyTlv {
  return { type, value: Buffer.from(text, 'latin1') };
}

/** §2.2.6: connected over TLS, without a client certificate (so it is not verified either). */
function sslValue({ version, cipher }: IEndedTls): Buffer {
  const parts: Buffer[] = [Buffer.from([1, 0, 0, 0, 1])];
  const tlvs = [textTlv(proxySslTlv.VERSION, version), textTlv(proxySslTlv.CIPHER, cipher)];
  for (const { type, value } of tlvs) {
    parts.push(Buffer.from([type, value.length >>> 8, value.length & 255]), value);
  }
  return Buffer.concat(parts);
}
