import type { IZonePeer } from '../../../ts_interfaces/index.ts';
import type { IClock } from '../../core/clock.ts';
import { canonicalIp } from '../../net/ip.ts';
import { encodeMessage } from '../codec/encode.ts';
import { decodeMessage, headerBytes, type IMessage, isMessageError } from '../codec/message.ts';
import { equalNames } from '../codec/name.ts';
import { type ITsigKey, signMessage, verifyMessage } from '../codec/tsig.ts';
import { rcode, rcodeName } from '../codec/types.ts';
import type { TRandom } from '../resolver/random.ts';
import type { IServer, ITransport } from '../resolver/transport.ts';
import type { TsigKeys } from '../zones/tsig-keys.ts';

/** What other servers are asked with. */
export interface IPeerParts {
  readonly transport: ITransport;
  readonly clock: IClock;
  readonly random: TRandom;
  /** The keys of the moment. */
  readonly keys: () => TsigKeys;
}

/** Why another server was of no help; the message is for people. */
export class PeerFailure extends Error {
  /** It could not be talked to at all. */
  readonly isUnreachable: boolean;

  constructor(reason: string, isUnreachable = false) {
    super(reason);
    this.isUnreachable = isUnreachable;
  }
}

/** A query that is ready to be sent. */
export interface IPeerQuery {
  readonly message: IMessage;
  readonly bytes: Buffer;
  /** Null: it is not signed. */
  readonly key: ITsigKey | null;
  readonly mac: Buffer;
}

const noMac = Buffer.alloc(0);
const portDefault = 53;

/** The server that a peer is. */
export function serverOf(
  { address, port = portDefault }: IZonePeer,
  protocol: 'udp' | 'tcp',
): IServer {
  return { address: canonicalIp(address) ?? address, port, protocol };
}

/** A peer as people know it. */
export function peerText({ address, port = portDefault }: IZonePeer): string {
  return port === portDefault ? address : `${address} port ${port}`;
}

/**
 * Gives a message its id and signature.
 *
 * @throws PeerFailure when the peer's key is not known.
 */
export function prepareQuery(parts: IPeerParts, peer: IZonePeer, message: IMessage): IPeerQuery {
  const withId = { ...message, id: parts.random(0x10000) };
  const bytes = encodeMessage(withId, { compress: false });
  if (peer.key === undefined) return { message: withId, bytes, key: null, mac: noMac };
  const key = parts.keys().named(peer.key);
  if (key === undefined) throw new PeerFailure(`there is no key "${peer.key}"`);
  const signed = signMessage(bytes, key, { time: timeS(parts.clock) });
  return { message: withId, bytes: signed.bytes, key, mac: signed.mac };
}

/** Now, in seconds since 1970. */
export function timeS(clock: IClock): number {
  return Math.floor(clock.now() / 1000);
}

/**
 * Sends a query by UDP once and waits for its answer. What comes from others, or with another id, is
 * not looked at.
 *
 * @returns the answer, verified when the query was signed; null: none came in time.
 * @throws PeerFailure, the reason of the signal.
 */
export async function askByUdp(
  parts: IPeerParts,
  peer: IZonePeer,
  query: IPeerQuery,
  timeoutMs: number,
  signal: AbortSignal | null = null,
): Promise<IMessage | null> {
  const server = serverOf(peer, 'udp');
  signal?.throwIfAborted();
  return new Promise((resolve, reject) => {
    const end = (): void => {
      timer.cancel();
      channel.close();
      signal?.removeEventListener('abort', onAbort);
    };
    const onAbort = (): void => {
      end();
      reject(signal?.reason);
    };
    signal?.addEventListener('abort', onAbort);
    const timer = parts.clock.setTimeout(() => {
      end();
      resolve(null);
    }, timeoutMs);
    const channel = parts.transport.openDatagram(server, {
      message: (bytes, address, port) => {
        if (address !== server.address || port !== server.port) return;
        if (bytes.length < headerBytes || bytes.readUInt16BE(0) !== query.message.id) return;
        end();
        try {
          resolve(answerTo(query, bytes, timeS(parts.clock)));
        } catch (error) {
          reject(error);
        }
      },
      failed: (error) => {
        end();
        reject(new PeerFailure(error.message, true));
      },
    });
    channel.send(query.bytes);
  });
}

/**
 * Reads the one message that answers a query.
 *
 * @throws PeerFailure when it is none, or is not signed as it has to be.
 */
export function answerTo(query: IPeerQuery, bytes: Buffer, nowS: number): IMessage {
  const answer = decodeMessage(bytes);
  if (isMessageError(answer)) throw new PeerFailure(`its answer is malformed: ${answer.reason}`);
  const fault = mismatch(query.message, answer);
  if (fault !== null) throw new PeerFailure(fault);
  if (query.key === null) return answer;
  const { key } = query;
  const keyOf = (name: Buffer) => (equalNames(name, key.name) ? key : undefined);
  const verified = verifyMessage(bytes, { keyOf, time: nowS, priorMac: query.mac });
  if (verified.kind === 'verified' && verified.tsig.error === 0) return answer;
  throw new PeerFailure(
    signatureFault(answer, verified.kind === 'verified' ? verified.tsig.error : errorOf(verified)),
  );
}

/** Why a message is not the answer to a query; null: it is. */
export function mismatch(query: IMessage, answer: IMessage): string | null {
  if (!answer.response || answer.id !== query.id || answer.opcode !== query.opcode) {
    return 'its answer is to another message';
  }
  const [asked, echoed] = [query.question[0], answer.question[0]];
  if (asked === undefined || echoed === undefined) return null;
  const isSame =
    asked.type === echoed.type &&
    asked.class === echoed.class &&
    equalNames(asked.name, echoed.name);
  return isSame ? null : 'its answer is to another question';
}

/** What was wrong about a signature, for people. @param error of TSIG; 0: there was none. */
export function signatureFault(answer: IMessage, error: number): string {
  const name = tsigErrors.get(error);
  if (answer.rcode !== rcode.NOERROR) {
    const why = name === undefined ? '' : ` (${name})`;
    return `it says ${rcodeName(answer.rcode)}${why}`;
  }
  return name === undefined
    ? 'its answer is not signed'
    : `the signature of its answer is wrong (${name})`;
}

/** Number 16 is BADSIG here, and BADVERS elsewhere. */
const tsigErrors: ReadonlyMap<number, string> = new Map([
  [rcode.BADSIG, 'BADSIG'],
  [rcode.BADKEY, 'BADKEY'],
  [rcode.BADTIME, 'BADTIME'],
  [rcode.BADTRUNC, 'BADTRUNC'],
]);

/** The error of a verdict: what the other side said, or what we say. */
export function errorOf(verified: ReturnType<typeof verifyMessage>): number {
  if (verified.kind !== 'refused') return 0;
  return verified.tsig.error === 0 ? verified.error : verified.tsig.error;
}
