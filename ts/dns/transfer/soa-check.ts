import type { IZonePeer } from '../../../ts_interfaces/index.ts';
import { emptyMessage, type IMessage } from '../codec/message.ts';
import { rcode, rcodeName, recordClass, recordType } from '../codec/types.ts';
import {
  answerTo,
  askByUdp,
  type IPeerParts,
  PeerFailure,
  prepareQuery,
  timeS,
} from './peer-query.ts';
import { converse } from './peer-stream.ts';
import { serialIn } from './soa-serial.ts';

/** How long each try by UDP waits for an answer. */
const udpTimeoutsMs = [2000, 3000];
const tcpLimits = { stallMs: 5000, totalMs: 10_000 };

/**
 * Asks a primary for the serial of a zone: by UDP, and by TCP when that does not lead anywhere.
 *
 * @throws PeerFailure when it does not answer, or not with authority.
 */
export async function serialAt(
  parts: IPeerParts,
  peer: IZonePeer,
  apex: Buffer,
  signal: AbortSignal,
): Promise<number> {
  const question = [{ name: apex, type: recordType.SOA, class: recordClass.IN }];
  const message = { ...emptyMessage, question };
  const answer =
    (await byUdp(parts, peer, message, signal)) ?? (await byTcp(parts, peer, message, signal));
  if (answer.rcode !== rcode.NOERROR) throw new PeerFailure(`it says ${rcodeName(answer.rcode)}`);
  const serial = answer.answer.map((record) => serialIn(record, apex)).find((it) => it !== null);
  if (serial === undefined) throw new PeerFailure('it does not know the zone');
  if (!answer.authoritative) throw new PeerFailure('it has no authority for the zone');
  return serial;
}

/** @returns null when TCP has to be tried. */
async function byUdp(
  parts: IPeerParts,
  peer: IZonePeer,
  message: IMessage,
  signal: AbortSignal,
): Promise<IMessage | null> {
  for (const timeoutMs of udpTimeoutsMs) {
    const query = prepareQuery(parts, peer, message);
    try {
      const answer = await askByUdp(parts, peer, query, timeoutMs, signal);
      if (answer !== null) return answer.truncated ? null : answer;
    } catch (error) {
      // What is wrong by UDP may be forged, or only not be there: TCP tells.
      if (error instanceof PeerFailure) return null;
      throw error;
    }
  }
  return null;
}

async function byTcp(
  parts: IPeerParts,
  peer: IZonePeer,
  message: IMessage,
  signal: AbortSignal,
): Promise<IMessage> {
  const query = prepareQuery(parts, peer, message);
  let answer: IMessage | null = null;
  const take = (bytes: Buffer): boolean => {
    answer = answerTo(query, Buffer.from(bytes), timeS(parts.clock));
    return true;
  };
  await converse(parts, peer, query, take, tcpLimits, signal);
  return answer as unknown as IMessage;
}
