import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { IWebService, IWebServiceAnswer, IWebServiceRequest } from '../ts/net/web-service.ts';
import { takesRequest } from '../ts/net/web-service.ts';
import { planeOf } from './dns/plane.ts';
import { decoded, plainEdns, queryFor } from './dns/query.ts';

const mediaType = 'application/dns-message';
const query = queryFor('www.example.org', 'A', { edns: plainEdns, id: 0 });
const text = query.toString('base64url');

function ask(service: IWebService, more: Partial<IWebServiceRequest>, type: string | null = null) {
  const values = new Map(type === null ? [] : [['content-type', type]]);
  return service.handle({
    ...{ method: 'GET', host: 'dns.test', path: '/dns-query', query: '', body: Buffer.alloc(0) },
    ...{ clientIp: '127.0.0.1', entrypoint: 'https', isTls: true, headers: values },
    ...more,
  });
}

function post(service: IWebService, body: Buffer, type = mediaType): Promise<IWebServiceAnswer> {
  return ask(service, { method: 'POST', body }, type);
}

async function served(context: Parameters<typeof planeOf>[0], more = {}) {
  const made = await planeOf(context, more);
  made.book.set('example.org', 'www 120 A 192.0.2.1\nwww 120 A 192.0.2.2\nlong 60 CNAME www');
  await made.use({
    listeners: {},
    https: true,
    views: [{ name: 'office', clients: ['192.0.2.0/24'] }],
  });
  const [service] = made.plane.webServices;
  assert.ok(service !== undefined);
  return { ...made, service };
}

test('GET, POST and HEAD give the message, and how long it may be kept', async (context) => {
  const { service, plane } = await served(context);
  const answers = [
    await ask(service, { query: `dns=${text}` }),
    await ask(service, { query: `ct=x&dns=${text}&x=1` }),
    await ask(service, { method: 'HEAD', query: `dns=${text}` }),
    await post(service, query),
    await post(service, query, 'Application/DNS-Message; charset=utf-8'),
  ];
  for (const { status, headers, body } of answers) {
    assert.equal(status, 200);
    assert.deepEqual(headers, {
      'Content-Type': mediaType,
      'Cache-Control': 'private, max-age=120',
    });
    assert.deepEqual([decoded(body).answer.length, decoded(body).id], [2, 0]);
  }
  const { queries, rcodes } = await plane.stats();
  assert.deepEqual([queries.https, rcodes], [5, { NOERROR: 5 }]);
});

test('Cache-Control is the lowest TTL, of a denial that of the SOA, of a failure 0', async (context) => {
  const { service, book } = await served(context);
  book.serve('example.net', null);
  const cases = [
    ['long.example.org', 60],
    ['none.example.org', 60],
    ['www.example.net', 0],
    ['www.example.com', 0],
  ] as const;
  for (const [name, seconds] of cases) {
    const { headers } = await post(service, queryFor(name, 'A'));
    assert.equal(headers['Cache-Control'], `private, max-age=${seconds}`, name);
  }
});

test('the address of the client decides about its view', async (context) => {
  const { service, book } = await served(context);
  book.set('example.org', 'www 60 A 10.0.0.1', 'office');
  const { body } = await ask(service, { query: `dns=${text}`, clientIp: '192.0.2.7' });
  assert.deepEqual([...(decoded(body).answer[0]?.rdata ?? [])], [10, 0, 0, 1]);
});

const long = Buffer.concat([query, Buffer.alloc(65_536)]);
const refusals: [string, number, Partial<IWebServiceRequest>, string | null][] = [
  ['no parameter', 400, { query: '' }, null],
  ['another parameter', 400, { query: `xdns=${text}` }, null],
  ['two parameters', 400, { query: `dns=${text}&dns=${text}` }, null],
  ['an empty one', 400, { query: 'dns=' }, null],
  ['padding', 400, { query: `dns=${text}=` }, null],
  ['plain base64', 400, { query: `dns=${text}+/` }, null],
  ['a length that base64 cannot have', 400, { query: 'dns=AAAAA' }, null],
  ['less than a header', 400, { query: 'dns=AAAA' }, null],
  [
    'an answer in place of a query',
    400,
    { query: `dns=${answered().toString('base64url')}` },
    null,
  ],
  ['another method', 405, { method: 'PUT' }, null],
  ['a method in lower case', 405, { method: 'get', query: `dns=${text}` }, null],
  ['POST without a type', 415, { method: 'POST', body: query }, null],
  ['POST of another type', 415, { method: 'POST', body: query }, 'application/json'],
  ['POST of nothing', 400, { method: 'POST' }, mediaType],
  ['POST of too much', 413, { method: 'POST', body: long }, mediaType],
];

function answered(): Buffer {
  const bytes = Buffer.from(query);
  bytes[2] = 0x80;
  return bytes;
}

for (const [what, status, request, type] of refusals) {
  test(`${what}: ${status}`, async (context) => {
    const { service } = await served(context);
    const answer = await ask(service, request, type);
    assert.equal(answer.status, status);
    assert.equal(answer.headers['Content-Type'], 'text/plain; charset=utf-8');
    if (status === 405) assert.equal(answer.headers.Allow, 'GET, HEAD, POST');
  });
}

test('garbage is answered FORMERR, and never fails', async (context) => {
  const { service } = await served(context);
  for (let length = 12; length < 200; length += 7) {
    const bytes = Buffer.alloc(length, 0xff);
    bytes[2] = 0;
    const { status, body } = await post(service, bytes);
    assert.equal(status, 200);
    assert.equal(decoded(body).rcode, 1, `${length}`);
  }
});

test('a fault of ours is SERVFAIL', async (context) => {
  const { service, plane } = await served(context, {
    special: () => ({ takes: () => assert.fail('broken'), answer: () => assert.fail() }),
  });
  const { body } = await post(service, queryFor('example.org', 'AXFR'));
  assert.equal(decoded(body).rcode, 2);
  assert.equal((await plane.stats()).faults, 1);
});

test('it takes its path, at its hosts and entrypoints; another scope is another service', async (context) => {
  const { plane, use, service } = await served(context);
  const target = { host: 'a.test', path: '/dns-query', entrypoint: 'web', isTls: true };
  assert.equal(takesRequest(service.scope, target), true);
  assert.equal(takesRequest(service.scope, { ...target, isTls: false }), false);
  assert.equal(takesRequest(service.scope, { ...target, path: '/dns-query/' }), false);
  await use({ listeners: {}, https: true });
  assert.equal(plane.webServices[0], service, 'nothing about it has changed');
  await use({ listeners: {}, https: { path: '/dns', hosts: ['b.test'], entrypoints: ['plain'] } });
  const [other] = plane.webServices;
  assert.deepEqual(other?.scope, { paths: ['/dns'], hosts: ['b.test'], entrypoints: ['plain'] });
  await use({ listeners: {} });
  assert.deepEqual(plane.webServices, []);
});
