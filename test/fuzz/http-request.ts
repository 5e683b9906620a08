/**
 * Requests, read by us and by Node: `node test/fuzz/http-request.ts [--seconds 10] [--seed N]`.
 *
 * Where we accept, Node rejects or sees the same; what we make of it for the backend, Node accepts and
 * reads as we meant it; and it never matters in which packets it came.
 */
import { METHODS } from 'node:http';
import { parseRoute } from '../../ts/config/parse.ts';
import type { IWebSettings } from '../../ts/proxy/http/engine.ts';
import { directForwarding } from '../../ts/proxy/http/forwarding.ts';
import { buildRequest } from '../../ts/proxy/http/request-builder.ts';
import { bodyKind, type RequestHead } from '../../ts/proxy/http/request-head.ts';
import { resolveDots } from '../../ts/proxy/http/target.ts';
import { PlanCache } from '../../ts/proxy/route-plan.ts';
import {
  type IReading,
  type IReadMessage,
  readRequests,
  singleBytes,
} from '../suites/http-reading.ts';
import { generateRequests } from './generate.ts';
import { type INodeReading, parseRequests } from './node-parser.ts';
import { type Random, randomParts } from './random.ts';
import { fuzzFromCommandLine, type IFuzzCounts, type IFuzzTarget, noteStricter } from './run.ts';

const plan = new PlanCache().planOf(
  parseRoute({ id: 'r', vHost: '*', backends: [{ hostname: '127.0.0.1', port: 1 }] }),
);
const settings: IWebSettings = {
  trusted: null,
  serverName: 'proxy',
  via: '1.1 proxy',
  hooks: null,
  services: null,
  httpsPort: null,
};
const peerIp = '192.0.2.1';

/** A request as it goes to the backend, and what it means. */
interface IForwarded {
  head: string;
  target: string;
  message: IReadMessage;
}

/** Fields that are not passed on, by another way of telling than the product's. */
const notPassedOn = new RegExp(
  '^(?:host|connection|keep-alive|te|transfer-encoding|upgrade|http2-settings|via|forwarded|' +
    'x-forwarded-.+|x-real-ip|x-request-id|proxy|proxy-connection|proxy-authorization)$',
  'i',
);

function difference(ours: IReading, node: INodeReading): string | null {
  for (const [index, message] of ours.messages.entries()) {
    const other = node.messages[index];
    // After the method of the HTTP/2 preface Node waits for the rest of that.
    if (other === undefined && message.line[0] === 'PRI') return null;
    if (other === undefined) {
      const isDone = message.complete && !(ours.end === 'refused' && node.error === null);
      return node.error === null && isDone ? `Node does not see request ${index}` : null;
    }
    const same =
      JSON.stringify(other.line) === JSON.stringify(message.line) &&
      JSON.stringify(other.fields) === JSON.stringify(message.fields);
    if (!same) return `request ${index} differs: ${JSON.stringify(other)}`;
    const refusedHere = ours.end === 'refused' && !message.complete;
    if (refusedHere) return null;
    // Behind its error Node says nothing.
    if (node.error !== null && !other.complete) return null;
    if (endsNode(message) && message.body.startsWith(other.body)) return null;
    if (other.body !== message.body) {
      return `the body of request ${index} differs: ${JSON.stringify([message.body, other.body])}`;
    }
    if (other.complete !== message.complete) return `request ${index} is complete for one only`;
    if (!sameTrailers(message, other.trailers)) return `trailers of request ${index} differ`;
  }
  const further = node.messages.length > ours.messages.length;
  return further && ours.end === 'waiting' ? 'Node sees a request where we wait' : null;
}

/** In a request that asks for another protocol Node takes what comes with the head for that protocol. */
function endsNode({ fields }: Pick<IReadMessage, 'fields'>): boolean {
  const has = (pattern: RegExp) => fields.some((field) => pattern.test(field.join(':')));
  return has(/^upgrade:/i) && has(/^connection:.*\bupgrade/i);
}

/** Ours are those of Node's that may be in a trailer. */
function sameTrailers(message: IReadMessage, others: readonly [string, string][]): boolean {
  const lines = others.map(([name, value]) => `${name}: ${value}\r\n`);
  const ours = message.trailers.split(/(?<=\n)/).filter(Boolean);
  return ours.every((line) => lines.includes(line));
}

function forwardedHead(head: RequestHead): Pick<IForwarded, 'head' | 'target'> | null {
  const target = resolveDots(head.target);
  if (target === null || head.method === 'CONNECT') return null;
  if (target !== head.target) {
    head.target = target;
    head.isLineUnchanged = false;
  }
  const forwarding = directForwarding(peerIp, 'http', head.authority);
  const { line, lines, end } = buildRequest(head, plan, settings, forwarding);
  return { head: `${line}${head.authority || 'backend'}${lines}${end}id\r\n\r\n`, target };
}

function framed({ message }: IForwarded): string {
  if (message.kind !== bodyKind.chunked) return message.body;
  const { body, trailers } = message;
  const data = body === '' ? '' : `${body.length.toString(16)}\r\n${body}\r\n`;
  return `${data}0\r\n${trailers}\r\n`;
}

function forwardedDifference(sent: readonly IForwarded[], node: INodeReading): string | null {
  if (node.error !== null) return `what is forwarded is refused by Node: ${node.error}`;
  if (node.messages.length !== sent.length) return 'what is forwarded are not as many requests';
  for (const [index, { message, target }] of sent.entries()) {
    const other = node.messages[index] as INodeReading['messages'][number];
    const [method] = message.line;
    const same =
      JSON.stringify(other.line) === JSON.stringify([method, target]) &&
      other.body === message.body &&
      other.complete;
    if (!same) return `what is forwarded differs: ${JSON.stringify(other)}`;
    const problem = fieldProblem(message, other.fields);
    if (problem !== null) return `${problem}: ${JSON.stringify(other.fields)}`;
  }
  return null;
}

function fieldProblem(message: IReadMessage, sent: readonly [string, string][]): string | null {
  const valuesOf = (name: string) =>
    sent.filter(([sentName]) => sentName.toLowerCase() === name).map(([, value]) => value);
  if (valuesOf('host').length !== 1) return 'not one Host';
  if (valuesOf('x-forwarded-for').join() !== peerIp) return 'wrong X-Forwarded-For';
  if (valuesOf('content-length').length > 1) return 'several Content-Lengths';
  const codings = valuesOf('transfer-encoding').join();
  if (codings !== (message.kind === bodyKind.chunked ? 'chunked' : '')) return 'wrong coding';
  if (!['', 'TE', 'Upgrade'].includes(valuesOf('connection').join())) return 'wrong Connection';
  if (/\bh2c\b/i.test(valuesOf('upgrade').join())) return 'h2c is forwarded';

  const nominated = message.fields
    .filter(([name]) => name.toLowerCase() === 'connection')
    .flatMap(([, value]) => value.toLowerCase().split(/[ \t]*,[ \t]*/))
    .filter((name) => !/^(content-length|authorization|cookie|expect|date|trailer)$/.test(name));
  const expected = message.fields.filter(([name]) => {
    const plain = name.toLowerCase().replaceAll('_', '-');
    const lookalike =
      name.includes('_') && (notPassedOn.test(plain) || /^content-length$/.test(plain));
    return !notPassedOn.test(name) && !lookalike && !nominated.includes(name.toLowerCase());
  });
  const passed = sent.filter(([name]) => !notPassedOn.test(name));
  const plain = expected.map(([name, value]) =>
    /^content-length$/i.test(name) ? [name, String(Number(value))] : [name, value],
  );
  return JSON.stringify(plain) === JSON.stringify(passed) ? null : 'other fields than expected';
}

function partsDifference(bytes: Buffer, whole: IReading, random: Random): string | null {
  const cuts = [randomParts(random, bytes, 3), randomParts(random, bytes, 12)];
  if (random.oneIn(8)) cuts.push(singleBytes(bytes));
  const { rest: _, ...expected } = whole;
  for (const parts of cuts) {
    const { rest: __, ...reading } = readRequests(parts);
    if (JSON.stringify(reading) !== JSON.stringify(expected)) {
      return `in parts of ${parts.map(({ length }) => length)} it reads ${JSON.stringify(reading)}`;
    }
  }
  return null;
}

/** Streams of requests. */
export const requestTarget: IFuzzTarget = {
  generate: generateRequests,

  async check(cases, random, counts: IFuzzCounts) {
    const readings: IReading[] = [];
    const outgoing: IForwarded[][] = [];
    const errors = cases.map((bytes): string | null => {
      const sent: IForwarded[] = [];
      const reading = readRequests([bytes], undefined, (head, message) => {
        const forwarded = forwardedHead(head);
        if (forwarded === null || !METHODS.includes(head.method)) return;
        sent.push({ ...forwarded, message });
      });
      readings.push(reading);
      const whole = sent.filter(({ message }) => message.complete);
      const last = whole.findIndex(({ message }) => message.upgrade !== '');
      outgoing.push(last === -1 ? whole : whole.slice(0, last + 1));
      return partsDifference(bytes, reading, random);
    });

    const nodes = await parseRequests(cases);
    const streams = outgoing.map((sent) => {
      const text = sent.map((each) => each.head + framed(each)).join('');
      return Buffer.from(text, 'latin1');
    });
    const backends = await parseRequests(streams);
    return cases.map((bytes, index) => {
      const [ours, node] = [readings[index] as IReading, nodes[index] as INodeReading];
      const sent = outgoing[index] as IForwarded[];
      const completed = ours.messages.filter(({ complete }) => complete).length;
      const read = node.messages.filter(({ complete }) => complete).length;
      counts.same += Math.min(completed, read);
      counts.forwarded += sent.length;
      if (node.error !== null && read < completed) counts.nodeStricter++;
      else if (ours.end === 'refused' && (read > completed || node.error === null)) {
        noteStricter(counts, ours.status, bytes);
      }
      return (
        errors[index] ??
        difference(ours, node) ??
        forwardedDifference(sent, backends[index] as INodeReading)
      );
    });
  },
};

if (import.meta.main) await fuzzFromCommandLine(requestTarget);
