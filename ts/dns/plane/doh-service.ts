import type { IDnsHttpsOptions } from '../../../ts_interfaces/index.ts';
import type {
  IWebService,
  IWebServiceAnswer,
  IWebServiceRequest,
  IWebServiceScope,
} from '../../net/web-service.ts';
import type { IDnsClient } from '../answer/query-handler.ts';
import { messageBytesMax } from '../codec/encode.ts';
import { decodeMessage, headerBytes, isMessageError } from '../codec/message.ts';
import { soaMinimumS } from '../codec/soa.ts';
import { rcode, recordType } from '../codec/types.ts';
import type { DnsCounters } from '../server/dns-counters.ts';
import { failureTo, isTruncated } from '../server/replies.ts';
import type { ViewHandler } from './view-handler.ts';

const mediaType = 'application/dns-message';
const pathDefault = '/dns-query';
const allowed = 'GET, HEAD, POST';

/** What DNS over HTTPS works with. */
export interface IDohServiceParts {
  readonly handler: ViewHandler;
  readonly counters: DnsCounters;
  /** Hears of errors of ours; the query is answered SERVFAIL. */
  readonly onFault: (error: unknown) => void;
}

/** DNS over HTTPS: RFC 8484, for the web plane to ask. */
export class DohService implements IWebService {
  readonly name = 'dns';
  readonly scope: IWebServiceScope;
  readonly bodyBytesMax = messageBytesMax;
  private readonly parts: IDohServiceParts;

  constructor(parts: IDohServiceParts, options: IDnsHttpsOptions) {
    this.parts = parts;
    this.scope = Object.freeze({
      paths: [options.path ?? pathDefault],
      hosts: options.hosts ?? null,
      entrypoints: options.entrypoints ?? null,
    });
  }

  async handle(request: IWebServiceRequest): Promise<IWebServiceAnswer> {
    const query = queryOf(request);
    if ('status' in query) return query;
    const message = await this.answer(query.bytes, request.clientIp);
    if (message === null) return refusal(400, 'That is no query');
    return {
      status: 200,
      headers: {
        'Content-Type': mediaType,
        // Others behind the same cache may be in another view, or may not use the resolver.
        'Cache-Control': `private, max-age=${maxAgeOf(message)}`,
      },
      body: message,
    };
  }

  private async answer(query: Buffer, address: string): Promise<Buffer | null> {
    const { handler, counters, onFault } = this.parts;
    const client: IDnsClient = { address, transport: 'https' };
    counters.queries.https++;
    let message: Buffer | null;
    try {
      message = await handler.answerOnce(query, client);
    } catch (error) {
      counters.faults++;
      onFault(error);
      message = query.length < headerBytes ? null : failureTo(query);
    }
    if (message === null) {
      counters.dropped++;
      return null;
    }
    counters.answered((message[3] as number) & 15);
    counters.askedIn(message);
    if (isTruncated(message)) counters.truncated++;
    return message;
  }
}

/** The message of a request, or what is wrong with it. */
function queryOf(request: IWebServiceRequest): { bytes: Buffer } | IWebServiceAnswer {
  const { method, headers, body } = request;
  switch (method) {
    case 'GET':
    case 'HEAD':
      return queryOfUrl(request.query);
    case 'POST': {
      const type = headers.get('content-type')?.split(';')[0]?.trim().toLowerCase();
      if (type !== mediaType) return refusal(415, `The body has to be ${mediaType}`);
      if (body.length > messageBytesMax) return refusal(413, 'No message is as long as that');
      return checked(body);
    }
    default:
      return refusal(405, `Ask by ${allowed}`, { Allow: allowed });
  }
}

function queryOfUrl(query: string): { bytes: Buffer } | IWebServiceAnswer {
  const parameters = query.split('&').filter((each) => each.startsWith('dns='));
  const [text] = parameters.map((each) => each.slice('dns='.length));
  if (text === undefined || parameters.length > 1) {
    return refusal(400, 'The query has to have one "dns" parameter');
  }
  // RFC 8484 §6: base64url without padding.
  if (!/^[A-Za-z0-9_-]*$/.test(text) || text.length % 4 === 1) {
    return refusal(400, 'The "dns" parameter has to be base64url without padding');
  }
  return checked(Buffer.from(text, 'base64url'));
}

function checked(bytes: Buffer): { bytes: Buffer } | IWebServiceAnswer {
  if (bytes.length < headerBytes) return refusal(400, 'That is no message');
  if (bytes.length > messageBytesMax) return refusal(413, 'No message is as long as that');
  return { bytes };
}

function refusal(
  status: number,
  text: string,
  headers: Readonly<Record<string, string>> = {},
): IWebServiceAnswer {
  const body = Buffer.from(`${text}\n`);
  return { status, headers: { 'Content-Type': 'text/plain; charset=utf-8', ...headers }, body };
}

/** Seconds that an answer may be kept: RFC 8484 §5.1. Failures are not. */
function maxAgeOf(bytes: Buffer): number {
  const message = decodeMessage(bytes);
  if (isMessageError(message)) return 0;
  const isUsable = message.rcode === rcode.NOERROR || message.rcode === rcode.NXDOMAIN;
  if (!isUsable) return 0;
  const isPositive = message.answer.length > 0;
  const soa = message.authority.find(({ type }) => type === recordType.SOA);
  // A negative answer, also behind an alias, holds as long as its SOA says: RFC 2308 §5.
  const records = [...message.answer, ...(soa === undefined ? [] : [soa])];
  if (!isPositive && soa === undefined) return 0;
  const minimum = soa === undefined ? [] : [soaMinimumS(soa.rdata)];
  return Math.min(...records.map(({ ttl }) => ttl), ...minimum);
}
