/**
 * Responses, read by us and by Node: `node test/fuzz/http-response.ts [--seconds 10] [--seed N]`.
 *
 * Where we accept, Node rejects or sees the same; what we make of it for the client, Node accepts and
 * reads as we meant it; and it never matters in which packets it came.
 */
import { parseRoute } from '../../ts/config/parse.ts';
import { BodyReader } from '../../ts/proxy/http/body-reader.ts';
import { framing } from '../../ts/proxy/http/body-writer.ts';
import {
  buildInformational,
  buildResponse,
  type IOutgoingResponse,
} from '../../ts/proxy/http/response-builder.ts';
import { ResponseHead } from '../../ts/proxy/http/response-head.ts';
import { PlanCache } from '../../ts/proxy/route-plan.ts';
import {
  type IReading,
  type IReadMessage,
  readResponses,
  singleBytes,
} from '../suites/http-reading.ts';
import { generateResponse } from './generate.ts';
import { type INodeMessage, type INodeReading, parseResponses } from './node-parser.ts';
import { type Random, randomParts } from './random.ts';
import { fuzzFromCommandLine, type IFuzzTarget, noteStricter } from './run.ts';

const plan = new PlanCache().planOf(
  parseRoute({ id: 'r', vHost: '*', backends: [{ hostname: '127.0.0.1', port: 1 }] }),
);

/** A case as we read it, and what goes to the client. */
interface ICase {
  bytes: Buffer;
  method: string;
  ours: IReading;
  sent: { text: string; message: IReadMessage; isOpen: boolean } | null;
  error: string | null;
}

function difference({ ours }: ICase, node: INodeReading): string | null {
  for (const [index, message] of ours.messages.entries()) {
    const other = node.messages[index];
    if (other === undefined) {
      const isDone = message.complete && message.line[0] !== '101';
      return node.error === null && isDone ? `Node does not see response ${index}` : null;
    }
    if (!sameHead(message, other)) return `response ${index} differs: ${JSON.stringify(other)}`;
    if (message.line[0] === '101') return null;
    if (ours.end === 'refused' && !message.complete) return null;
    if (node.error !== null && !other.complete) return null;
    if (other.body !== message.body) {
      return `the body of response ${index} differs: ${JSON.stringify(other.body)}`;
    }
    if (other.complete !== message.complete) return `response ${index} is complete for one only`;
  }
  return null;
}

function sameHead(message: IReadMessage, other: INodeMessage): boolean {
  const [status, reason] = message.line;
  return (
    Number(other.line[0]) === Number(status) &&
    other.line[1] === reason &&
    JSON.stringify(other.fields) === JSON.stringify(message.fields)
  );
}

const notPassedOn =
  /^(connection|keep-alive|proxy-connection|proxy-authenticate|te|transfer-encoding|upgrade)$/i;

/** A `Connection` cannot take these away, in a request or in a response. */
const neverNominated = new RegExp(
  '^(?:host|content-length|expect|cookie|trailer|via|date|authorization|forwarded|proxy|' +
    'x-(?:forwarded-(?:for|host|proto)|real-ip|request-id))$',
  'i',
);

function sentDifference({ sent, method }: ICase, node: INodeReading): string | null {
  if (sent === null) return null;
  const { message, text, isOpen } = sent;
  const other = node.messages.at(-1);
  if (node.error !== null) return `what is sent is refused by Node: ${node.error}`;
  if (other === undefined || !other.complete) return 'what is sent is not complete';
  if (Number(other.line[0]) !== Number(message.line[0])) return 'another status is sent';
  if (other.body !== message.body) return `another body is sent: ${JSON.stringify(other.body)}`;
  const nominated = message.fields
    .filter(([name]) => name.toLowerCase() === 'connection')
    .flatMap(([, value]) => value.toLowerCase().split(/[ \t]*,[ \t]*/));
  const expected = message.fields
    .filter(([name]) => !notPassedOn.test(name))
    .filter(([name]) => neverNominated.test(name) || !nominated.includes(name.toLowerCase()))
    .filter(([name]) => message.line[0] !== '204' || !/^content-length$/i.test(name))
    .map(([name, value]) => [name, /^content-length$/i.test(name) ? `${Number(value)}` : value]);
  const passed = other.fields.filter(([name]) => !notPassedOn.test(name) && name !== 'Date');
  if (JSON.stringify(passed) !== JSON.stringify(expected)) {
    return `other fields are sent: ${JSON.stringify(passed)}`;
  }

  // Whoever keeps the connection open has to know where the next response starts.
  if (!isOpen) return null;
  const next = 'HTTP/1.1 299 Next\r\nContent-Length: 0\r\n\r\n';
  const stream = Buffer.from(text + next, 'latin1');
  const last = readResponses([stream], [method, 'GET']).messages.at(-1);
  return last?.line[0] === '299' ? null : 'the next response is not found behind it';
}

function framed(response: IOutgoingResponse, { body, trailers }: IReadMessage): string {
  const head = response.lines + response.end;
  if (response.framing === framing.raw) return head + body;
  const data = body === '' ? '' : `${body.length.toString(16)}\r\n${body}\r\n`;
  return `${head}${data}0\r\n${trailers}\r\n`;
}

function partsDifference(test: ICase, head: ResponseHead, random: Random): string | null {
  const { bytes, method, ours } = test;
  const cuts = [[bytes], randomParts(random, bytes, 3), randomParts(random, bytes, 12)];
  if (random.oneIn(8)) cuts.push(singleBytes(bytes));
  const { rest: _, ...expected } = ours;
  for (const parts of cuts) {
    // The head that a connection has in memory must not matter.
    const known = random.oneIn(2) ? head : undefined;
    const { rest: __, ...reading } = readResponses(parts, [method], undefined, 65_536, known);
    if (JSON.stringify(reading) !== JSON.stringify(expected)) {
      return `in parts of ${parts.map(({ length }) => length)} it reads ${JSON.stringify(reading)}`;
    }
  }
  return null;
}

function read(bytes: Buffer, head: ResponseHead, random: Random): ICase {
  const method = random.mostly('GET', 4, ['HEAD', 'POST']);
  let before = '';
  let response: IOutgoingResponse | null = null;
  const onHead = (seen: ResponseHead, message: IReadMessage) => {
    if (seen.status < 200) {
      before += buildInformational(seen);
      return;
    }
    const body = new BodyReader();
    body.begin(message.kind, seen.contentLength);
    response = {
      ...buildResponse(seen, plan, body, { minor: 1, method, keepAlive: true, rateLines: '' }),
    };
  };
  const ours = readResponses([bytes], [method], onHead);
  const message = ours.messages.at(-1);
  const test: ICase = { bytes, method, ours, sent: null, error: null };
  if (response !== null && message?.complete) {
    const text = before + framed(response, message);
    test.sent = { text, message, isOpen: (response as IOutgoingResponse).keepAlive };
  }
  test.error = partsDifference(test, head, random);
  return test;
}

/** Responses to one request each. */
export const responseTarget: IFuzzTarget = {
  generate: generateResponse,

  async check(bytes, random, counts) {
    const head = new ResponseHead();
    const cases = bytes.map((each) => read(each, head, random));
    const nodes = await parseResponses(cases);
    const clients = await parseResponses(
      cases.map(({ sent, method }) => ({ bytes: Buffer.from(sent?.text ?? '', 'latin1'), method })),
    );
    return cases.map((test, index) => {
      const [ours, node] = [test.ours, nodes[index] as INodeReading];
      const completed = ours.messages.filter(({ complete }) => complete).length;
      const seen = node.messages.filter(({ complete }) => complete).length;
      counts.same += Math.min(completed, seen);
      if (test.sent !== null) counts.forwarded++;
      if (node.error !== null && seen < completed) counts.nodeStricter++;
      else if (ours.end === 'refused' && seen > completed) noteStricter(counts, 502, test.bytes);
      return (
        test.error ?? difference(test, node) ?? sentDifference(test, clients[index] as INodeReading)
      );
    });
  },
};

if (import.meta.main) await fuzzFromCommandLine(responseTarget);
