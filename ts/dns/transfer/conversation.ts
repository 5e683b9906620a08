import type { IClock } from '../../core/clock.ts';
import type { IDnsClient } from '../answer/query-handler.ts';
import { extendedErrorOption, type IExtendedError, udpSizeDefault } from '../codec/edns.ts';
import { encodeMessage } from '../codec/encode.ts';
import { type IMessage, responseTo } from '../codec/message.ts';
import {
  type ITsigKey,
  refuseMessage,
  signMessage,
  type TVerified,
  tsigBytes,
  verifyMessage,
} from '../codec/tsig.ts';
import { TsigSigner } from '../codec/tsig-stream.ts';
import { rcode } from '../codec/types.ts';
import { tsigKeyName } from '../zones/tsig-keys.ts';
import { timeS } from './peer-query.ts';

const udpSizeMin = 512;

/** A query whose signature was looked at, and how its answers are signed. */
export class Conversation {
  readonly query: IMessage;
  readonly client: IDnsClient;
  /** Key that the query is signed with; null: it is not signed, or not believed. */
  readonly key: ITsigKey | null;
  private readonly verified: TVerified;
  private readonly signer: TsigSigner | null;
  private readonly clock: IClock;

  /** @param bytes of the query. */
  constructor(
    query: IMessage,
    bytes: Buffer,
    client: IDnsClient,
    keyOf: (name: Buffer) => ITsigKey | undefined,
    clock: IClock,
  ) {
    this.query = query;
    this.client = client;
    this.clock = clock;
    this.verified = verifyMessage(bytes, { keyOf, time: this.timeS });
    const { verified } = this;
    this.key = verified.kind === 'verified' ? verified.key : null;
    this.signer = verified.kind === 'verified' ? new TsigSigner(verified.key, verified.mac) : null;
  }

  /** Name of the key, as `Acl` wants it; null: the query is not signed. */
  get keyName(): string | null {
    return this.key === null ? null : tsigKeyName(this.key);
  }

  /** Bytes that a signature adds to an answer. */
  get tailBytes(): number {
    return this.key === null ? 0 : tsigBytes(this.key);
  }

  /** Most bytes of an answer, its signature included, by UDP. @param sizeMax most that we send. */
  udpLimit(sizeMax: number): number {
    return Math.max(udpSizeMin, Math.min(this.query.edns?.udpSize ?? 0, sizeMax));
  }

  /** What a query whose signature is not believed is answered; null: there is nothing amiss. */
  refusal(): Buffer | null {
    const { verified, timeS } = this;
    if (verified.kind === 'malformed') return this.encode(this.empty(rcode.FORMERR));
    if (verified.kind !== 'refused') return null;
    const { error, tsig, key } = verified;
    const bytes = this.encode(this.empty(rcode.NOTAUTH));
    let refused: Buffer;
    if (key === null || error === rcode.BADSIG) {
      refused = refuseMessage(bytes, tsig, error, timeS);
    } else {
      // RFC 8945 §5.2.3: the time of the query, so that it can believe us, and ours beside it.
      const isLate = error === rcode.BADTIME;
      const other = Buffer.alloc(isLate ? 6 : 0);
      if (isLate) other.writeUIntBE(timeS, 0, 6);
      const time = isLate ? tsig.time : timeS;
      refused = signMessage(bytes, key, { time, priorMac: tsig.mac, error, other }).bytes;
    }
    const isTooLong = this.client.transport === 'udp' && refused.length > udpSizeMin;
    return isTooLong ? bytes : refused;
  }

  /** An answer without records, to be filled. @param reason is told when the client has EDNS. */
  empty(code: number, reason: IExtendedError | null = null): IMessage {
    const { edns } = this.query;
    const options = reason === null ? [] : [extendedErrorOption(reason)];
    const opt = { udpSize: udpSizeDefault, version: 0, do: edns?.do === true, options };
    return { ...responseTo(this.query, code), edns: edns === null ? null : opt };
  }

  /** Signs the next message of the answer, when the query is signed. */
  sign(bytes: Buffer): Buffer {
    return this.signer === null ? bytes : this.signer.sign(bytes, this.timeS);
  }

  /** An answer without records, signed. */
  reply(code: number, reason: IExtendedError | null = null): Buffer {
    return this.sign(this.encode(this.empty(code, reason)));
  }

  private encode(message: IMessage): Buffer {
    return encodeMessage(message, { compress: false });
  }

  private get timeS(): number {
    return timeS(this.clock);
  }
}
