/**
 * Runs inside of the namespace: name servers that pass questions on to a good one, each with a fault of
 * its own. Says `ready` when all of them listen. The parent is `dns-internet.ts`.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { encodeMessage } from '../../ts/dns/codec/encode.ts';
import { decodeMessage, type IMessage, isMessageError } from '../../ts/dns/codec/message.ts';
import { formatName, lowerName, parseName } from '../../ts/dns/codec/name.ts';
import { faultPlaces, places } from './dns-internet-zones.ts';

/** What a server answers, given the question and how it came; null: nothing. */
type TFault = (query: Buffer, way: 'udp' | 'tcp', socket: ISender) => Promise<Buffer | null>;

/** Sends something more to whoever asked. */
interface ISender {
  send(bytes: Buffer): void;
}

const additionalAt = 10;
const slowMs = 300;

const faults: Record<keyof typeof faultPlaces, TFault> = {
  dropsEdns: async (query) => (hasEdns(query) ? null : pass(query)),
  refusesEdns: async (query) => (hasEdns(query) ? bare(query, 1) : pass(query)),
  onlyTcp: async (query, way) => (way === 'tcp' ? pass(query) : bare(query, 0, 0x86)),
  slow: async (query) => {
    await setTimeout(slowMs);
    return pass(query);
  },
  // As if a name with others below it did not exist.
  deniesParents: async (query) => {
    const answer = read(await pass(query));
    const isNoData = answer.rcode === 0 && answer.answer.length === 0;
    const name = formatName(lowerName(answer.question[0]?.name ?? parseName('.')));
    const isParent = /^(b\.)?c\.|^(under\.)?here\./.test(name);
    return encodeMessage(isNoData && isParent ? { ...answer, rcode: 3 } : answer);
  },
  // Says things about names that are not its own.
  adds: async (query) => {
    const answer = read(await pass(query));
    const rdata = Buffer.from([6, 6, 6, 6]);
    const lie = (name: string) => ({ name: parseName(name), type: 1, class: 1, ttl: 9999, rdata });
    const lies = [lie('www.signed.lab.'), lie('www.plain.'), lie('ns.lab.')];
    const ns = { ...lie('plain.'), type: 2, rdata: parseName('ns1.adds.lab.') };
    return encodeMessage({
      ...answer,
      answer: answer.answer.length === 0 ? [] : [...answer.answer, ...lies],
      authority: [...answer.authority, ns],
      additional: [...answer.additional, ...lies],
    });
  },
  silent: async () => null,
  foldsCase: async (query) => {
    const answer = read(await pass(query));
    return encodeMessage({
      ...answer,
      question: answer.question.map((asked) => ({ ...asked, name: lowerName(asked.name) })),
    });
  },
  fails: async (query) => bare(query, 2),
  // A forger is faster, and guesses wrong.
  spoofed: async (query, way, socket) => {
    const answer = await pass(query);
    if (way === 'tcp') return answer;
    const wrongId = Buffer.from(answer);
    wrongId.writeUInt16BE((query.readUInt16BE(0) + 1) & 0xffff, 0);
    const { question, ...rest } = read(answer);
    const rdata = Buffer.from([6, 6, 6, 6]);
    const [asked] = question;
    const other = asked && { ...asked, name: parseName('www.other.lab') };
    socket.send(wrongId);
    socket.send(encodeMessage({ ...rest, question: other ? [other] : [] }));
    socket.send(Buffer.concat([rdata, rdata]));
    return answer;
  },
  // TC, and half of a record.
  cutsShort: async (query, way) => {
    const answer = await pass(query);
    if (way === 'tcp') return answer;
    const short = Buffer.from(answer.subarray(0, Math.max(12, answer.length - 20)));
    short[2] = (short[2] as number) | 0x02;
    return short;
  },
  onlyUdp: async (query, way) => (way === 'tcp' ? null : pass(query)),
  // Whatever is not the whole question is refused, as some load balancers do.
  refusesShort: async (query) => {
    const name = formatName(lowerName(read(query).question[0]?.name ?? parseName('.')));
    return /^(c|b\.c|here|under\.here|wild|_tcp)\./.test(name) ? bare(query, 5) : pass(query);
  },
};

for (const [name, host] of Object.entries(faultPlaces)) {
  await serve(host, faults[name as keyof typeof faultPlaces]);
}
process.stdout.write('ready\n');

async function serve(host: string, fault: TFault): Promise<void> {
  const udp = createSocket('udp4').bind(53, host);
  udp.on('message', (query, { address, port }) => {
    const sender = { send: (bytes: Buffer) => udp.send(bytes, port, address) };
    void reply(fault(query, 'udp', sender), (answer) => udp.send(answer, port, address));
  });
  await once(udp, 'listening');
  const tcp = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    const sender = { send: () => undefined };
    let bytes = Buffer.alloc(0);
    socket.on('data', (part) => {
      bytes = Buffer.concat([bytes, part]);
      for (let end = endOf(bytes); end <= bytes.length; end = endOf(bytes)) {
        const query = bytes.subarray(2, end);
        bytes = bytes.subarray(end);
        void reply(fault(query, 'tcp', sender), (answer) => socket.write(framed(answer)));
      }
    });
  });
  await once(tcp.listen(53, host), 'listening');
}

async function reply(answer: Promise<Buffer | null>, send: (answer: Buffer) => void) {
  const bytes = await answer;
  if (bytes !== null) send(bytes);
}

/** What the good server says, by TCP: all of it. */
async function pass(query: Buffer): Promise<Buffer> {
  const socket = connect(53, places.leaf);
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  let bytes = Buffer.alloc(0);
  socket.on('error', reject);
  socket.on('data', (part) => {
    bytes = Buffer.concat([bytes, part]);
    if (endOf(bytes) <= bytes.length) resolve(bytes.subarray(2));
  });
  socket.write(framed(query));
  try {
    return await promise;
  } finally {
    socket.destroy();
  }
}

/** Where the first message of a stream ends; Infinity: nobody knows yet. */
function endOf(bytes: Buffer): number {
  return bytes.length < 2 ? Number.POSITIVE_INFINITY : 2 + bytes.readUInt16BE(0);
}

function framed(message: Buffer): Buffer {
  return Buffer.concat([Buffer.of(message.length >> 8, message.length & 255), message]);
}

function read(bytes: Buffer): IMessage {
  const message = decodeMessage(bytes);
  if (isMessageError(message)) throw new Error(message.reason);
  return message;
}

function hasEdns(query: Buffer): boolean {
  return query.readUInt16BE(additionalAt) > 0;
}

/** Header and question only. */
function bare(query: Buffer, rcode: number, flags = 0x84): Buffer {
  const { question } = read(query);
  const length = 12 + (question[0]?.name.length ?? 0) + 4;
  const answer = Buffer.from(query.subarray(0, length));
  answer[2] = flags;
  answer[3] = rcode;
  answer.fill(0, 6, 12);
  return answer;
}
