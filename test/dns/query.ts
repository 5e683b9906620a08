import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { TestContext } from 'node:test';
import type { IEdns } from '../../ts/dns/codec/edns.ts';
import { encodeMessage } from '../../ts/dns/codec/encode.ts';
import {
  decodeMessage,
  emptyMessage,
  type IMessage,
  isMessageError,
} from '../../ts/dns/codec/message.ts';
import { parseName } from '../../ts/dns/codec/name.ts';
import { rcodeName, recordTypeOf } from '../../ts/dns/codec/types.ts';
import { loadZone } from '../../ts/dns/zone/load-zone.ts';
import type { Zone } from '../../ts/dns/zone/zone.ts';
import { sectionsText, type TAnswerText } from './zone-answer.ts';

/** EDNS as most clients have it. */
export const plainEdns: IEdns = { udpSize: 1232, version: 0, do: false, options: [] };

/** A query in bytes. */
export function queryFor(name: string, type: string, more: Partial<IMessage> = {}): Buffer {
  const question = [{ name: parseName(name), type: recordTypeOf(type) as number, class: 1 }];
  return encodeMessage({ ...emptyMessage, id: 4711, question, ...more });
}

/** A zone out of text. */
export function zoneOf(text: string, origin = 'example.org.'): Zone {
  const { zone, problems } = loadZone(text, { origin: parseName(origin) });
  if (zone === null) throw new Error(JSON.stringify(problems.kept));
  return zone;
}

/** A message that must be one. */
export function decoded(bytes: Buffer): IMessage {
  const message = decodeMessage(bytes);
  if (isMessageError(message)) throw new Error(message.reason);
  return message;
}

/** An answer as `zone-answer.ts` compares it. */
export function answerText(bytes: Buffer): TAnswerText {
  const message = decoded(bytes);
  const outcome = `${rcodeName(message.rcode)}${message.authoritative ? ' aa' : ''}`;
  return sectionsText({ ...message, outcome });
}

/** A UDP socket of a test, closed with it. */
export async function clientSocket(context: TestContext, address = '127.0.0.1'): Promise<Socket> {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4').bind(0, address);
  context.after(() => socket.close());
  await once(socket, 'listening');
  return socket;
}

/** Sends a datagram and gives the next one that comes. */
export async function exchange(socket: Socket, port: number, query: Buffer): Promise<Buffer> {
  const answer = once(socket, 'message');
  socket.send(query, port, socket.address().address);
  return ((await answer) as [Buffer])[0];
}
