import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { get, ok, post, standstill, startBackend, startProxy } from './suites/engine.ts';
import type { IMessage, Peer } from './suites/peer.ts';

/** Sends a request through a proxy to a backend that answers with exactly these bytes. */
async function exchange(
  context: TestContext,
  request: string,
  response: string,
  { closes = false, secure = false } = {},
): Promise<{ client: Peer; asked: () => IMessage | undefined }> {
  let asked: IMessage | undefined;
  const backend = await startBackend(context, async (peer) => {
    asked = await peer.readRequest();
    peer.write(response);
    if (closes) peer.end();
  });
  const proxy = await startProxy(context, [backend]);
  const client = secure ? await proxy.dialTls() : await proxy.dial();
  client.write(request);
  return { client, asked: () => asked };
}

const http10 = (lines = '') => `GET / HTTP/1.0\r\nHost: example.test\r\n${lines}\r\n`;
const chunkedResponse =
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n' +
  '2;name=value\r\nab\r\n3;other="quo\\"ted"\r\ncde\r\n0;last\r\nX-Sum: 7\r\nContent-Length: 9\r\n\r\n';

for (const secure of [false, true]) {
  const how = secure ? ' by TLS' : '';

  test(`Content-Length: head and body go through${how}`, async (t) => {
    const { client } = await exchange(t, get('/'), ok('hello', 'X-A: 1\r\n'), { secure });
    const { head, body, chunks } = await client.readResponse();
    assert.equal(head.line, 'HTTP/1.1 200 OK');
    assert.equal(head.get('content-length'), '5');
    assert.equal(head.get('x-a'), '1');
    assert.equal(head.get('connection'), undefined);
    assert.match(head.get('date') ?? '', / GMT$/);
    assert.equal(body.toString(), 'hello');
    assert.equal(chunks, null);
    assert.equal(client.ending, null);
  });

  test(`chunked: extensions are dropped, trailers kept but for those of the framing${how}`, async (t) => {
    const { client } = await exchange(t, get('/', 'TE: trailers\r\n'), chunkedResponse, { secure });
    const { head, body, chunks, trailers } = await client.readResponse();
    assert.equal(head.get('transfer-encoding'), 'chunked');
    assert.equal(head.get('content-length'), undefined);
    assert.equal(body.toString(), 'abcde');
    assert.deepEqual(chunks, [5]);
    assert.equal(trailers, 'X-Sum: 7\r\n');
    assert.equal(client.ending, null);
  });

  test(`until close becomes chunked, and the connection goes on${how}`, async (t) => {
    const response = 'HTTP/1.1 200 OK\r\nX-A: 1\r\n\r\nsome data';
    const { client } = await exchange(t, get('/'), response, { closes: true, secure });
    const { head, body, chunks } = await client.readResponse();
    assert.equal(head.get('transfer-encoding'), 'chunked');
    assert.equal(head.get('connection'), undefined);
    assert.equal(body.toString(), 'some data');
    assert.notEqual(chunks, null);
    client.write(get('/again'));
    assert.equal((await client.readResponse()).head.status, 200);
  });

  test(`HTTP/1.0 client: a body without a length lasts until close${how}`, async (t) => {
    const { client } = await exchange(t, http10('Connection: keep-alive\r\n'), chunkedResponse, {
      secure,
    });
    const { head, body } = await client.readResponse();
    assert.equal(head.get('transfer-encoding'), undefined);
    assert.equal(head.get('content-length'), undefined);
    assert.equal(head.get('connection'), 'close');
    assert.equal(body.toString(), 'abcde');
    assert.equal(client.ending, 'end');
  });
}

test('until close for an HTTP/1.0 client lasts until close', async (t) => {
  const response = 'HTTP/1.0 200 OK\r\n\r\nsome data';
  const { client } = await exchange(t, http10(), response, { closes: true });
  const { head, body } = await client.readResponse();
  assert.equal(head.line, 'HTTP/1.1 200 OK');
  assert.equal(head.get('connection'), 'close');
  assert.equal(body.toString(), 'some data');
  assert.equal(client.ending, 'end');
});

test('HTTP/1.0 client: keep-alive when it asks for it and the length is known', async (t) => {
  const { client, asked } = await exchange(t, http10('Connection: Keep-Alive\r\n'), ok('one'));
  const { head, body } = await client.readResponse();
  assert.equal(head.get('connection'), 'keep-alive');
  assert.equal(body.toString(), 'one');
  assert.match(asked()?.head.line ?? '', /HTTP\/1\.1$/);
  assert.equal(await standstill(() => client.bytesRead), client.bytesRead);
  assert.equal(client.ending, null);
});

test('HTTP/1.0 client: closed when it does not ask for keep-alive', async (t) => {
  const { client } = await exchange(t, http10(), ok('one'));
  const { head } = await client.readResponse();
  assert.equal(head.get('connection'), 'close');
  assert.equal(await client.closed(), 'end');
});

test('Connection: close is answered by close', async (t) => {
  const { client, asked } = await exchange(t, get('/', 'Connection: close\r\n'), ok('one'));
  const { head } = await client.readResponse();
  assert.equal(head.get('connection'), 'close');
  assert.equal(asked()?.head.get('connection'), undefined);
  assert.equal(await client.closed(), 'end');
});

const bare = [
  { name: '204', response: 'HTTP/1.1 204 No Content\r\n\r\n' },
  {
    name: '204 with a length',
    response: 'HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n',
  },
  {
    name: '304 with a length',
    response: 'HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\n\r\n',
  },
  { name: '200 of length 0', response: ok('') },
];

for (const { name, response } of bare) {
  test(`${name}: no body follows, and both connections go on`, async (t) => {
    let requests = 0;
    const backend = await startBackend(t, async (peer) => {
      for (;;) {
        await peer.readRequest();
        requests++;
        peer.write(response);
      }
    });
    const proxy = await startProxy(t, [backend]);
    const client = await proxy.dial();
    for (let round = 0; round < 3; round++) {
      client.write(get('/'));
      const { head } = await client.readResponse();
      assert.equal(head.get('transfer-encoding'), undefined);
      if (head.status === 204) assert.equal(head.get('content-length'), undefined);
    }
    assert.equal(client.pending.length, 0);
    assert.equal(requests, 3);
    // Who announces a body for a 204 may send one.
    assert.equal(backend.peers.length, name === '204 with a length' ? 3 : 1);
  });
}

for (const [name, response, length] of [
  ['a length', 'HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n', '12345'],
  ['chunked', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', undefined],
  ['neither', 'HTTP/1.1 200 OK\r\n\r\n', undefined],
] as const) {
  test(`HEAD: the response has no body, with ${name}`, async (t) => {
    const methods: string[] = [];
    const backend = await startBackend(t, async (peer) => {
      for (;;) {
        const { head } = await peer.readRequest();
        methods.push(head.method);
        peer.write(head.method === 'HEAD' ? response : ok('body'));
      }
    });
    const proxy = await startProxy(t, [backend]);
    const client = await proxy.dial();
    // The same response means something else for GET.
    for (const method of ['HEAD', 'GET', 'HEAD']) {
      client.write(get('/').replace('GET', method));
      const { head, body } = await client.readResponse(method);
      assert.equal(head.get('content-length'), method === 'HEAD' ? length : '4');
      assert.equal(body.toString(), method === 'HEAD' ? '' : 'body');
    }
    assert.deepEqual(methods, ['HEAD', 'GET', 'HEAD']);
    assert.equal(backend.peers.length, 1);
  });
}

test('Date of the backend is kept', async (t) => {
  const date = 'Sun, 06 Nov 1994 08:49:37 GMT';
  const { client } = await exchange(t, get('/'), ok('', `Date: ${date}\r\n`));
  assert.equal((await client.readResponse()).head.get('date'), date);
});

test('1xx go to an HTTP/1.1 client in their order, 101 apart', async (t) => {
  const hints = 'HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n';
  const { client } = await exchange(
    t,
    get('/'),
    `HTTP/1.1 100 Continue\r\n\r\n${hints}HTTP/1.1 102 Processing\r\n\r\n${hints}${ok('done')}`,
  );
  const lines: string[] = [];
  for (let count = 0; count < 4; count++) lines.push((await client.readHead()).line);
  assert.deepEqual(lines, [
    'HTTP/1.1 100 Continue',
    'HTTP/1.1 103 Early Hints',
    'HTTP/1.1 102 Processing',
    'HTTP/1.1 103 Early Hints',
  ]);
  assert.equal((await client.readResponse()).body.toString(), 'done');
});

test('1xx heads between responses do not disturb the recognition of repeated ones', async (t) => {
  const script = [
    ['HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n', ok('one')],
    ['', ok('one')],
    ['HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n', ok('two')],
    ['HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n', ok('two')],
    ['HTTP/1.1 100 Continue\r\n\r\n'.repeat(3), 'HTTP/1.1 204 No Content\r\n\r\n'],
    ['', 'HTTP/1.1 204 No Content\r\n\r\n'],
  ] as const;
  const backend = await startBackend(t, async (peer) => {
    for (const [informational, final] of script) {
      await peer.readRequest();
      peer.write(informational + final);
    }
  });
  const proxy = await startProxy(t, [backend]);
  const client = await proxy.dial();
  const seen: string[] = [];
  for (const [informational, final] of script) {
    client.write(get('/'));
    for (const { length } of [informational.split('\r\n\r\n')]) {
      for (let count = 1; count < length; count++) seen.push((await client.readHead()).line);
    }
    const { head, body } = await client.readResponse();
    seen.push(`${head.status} ${body}`);
    assert.equal(head.line, final.split('\r\n')[0]);
  }
  const hints = 'HTTP/1.1 103 Early Hints';
  assert.deepEqual(seen, [
    ...[hints, '200 one', '200 one', hints, '200 two', hints, '200 two'],
    ...Array.from({ length: 3 }, () => 'HTTP/1.1 100 Continue'),
    ...['204 ', '204 '],
  ]);
  assert.equal(backend.peers.length, 1);
});

test('1xx do not go to an HTTP/1.0 client', async (t) => {
  const response = `HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n${ok('done')}`;
  const { client } = await exchange(t, http10(), response);
  assert.equal((await client.readHead()).status, 200);
});

test('Expect: 100-continue: the head goes ahead, 100 comes back, then the body', async (t) => {
  const backend = await startBackend(t, async (peer) => {
    const head = await peer.readHead();
    assert.equal(head.get('expect'), '100-continue');
    assert.equal(peer.pending.length, 0);
    peer.write('HTTP/1.1 100 Continue\r\n\r\n');
    const body = await peer.read(Number(head.get('content-length')));
    peer.write(ok(body.toString()));
    await peer.readRequest();
    peer.write(ok('next'));
  });
  const proxy = await startProxy(t, [backend]);
  const client = await proxy.dial();
  const [head] = post('/', 'the body', 'Expect: 100-continue\r\n').split('the body');
  client.write(head as string);
  assert.equal((await client.readHead()).status, 100);
  client.write('the body');
  assert.equal((await client.readResponse()).body.toString(), 'the body');
  client.write(get('/'));
  assert.equal((await client.readResponse()).body.toString(), 'next');
});

test('Expect: 100-continue that the backend refuses: the answer comes at once and closes', async (t) => {
  const backend = await startBackend(t, async (peer) => {
    await peer.readHead();
    peer.write('HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno');
  });
  const proxy = await startProxy(t, [backend]);
  const client = await proxy.dial();
  client.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n');
  const { head, body } = await client.readResponse();
  assert.equal(head.status, 401);
  assert.equal(body.toString(), 'no');
  // Whether the body will come nobody knows, so nothing behind it can be understood.
  assert.equal(head.get('connection'), 'close');
  client.write(get('/smuggled'));
  assert.equal(await client.closed(), 'end');
  assert.equal(backend.peers.length, 1);
});

test('Expect: 100-continue that we refuse: the answer comes before the body', async (t) => {
  const backend = await startBackend(t, () => undefined);
  const proxy = await startProxy(t, [backend], { route: { limits: { bodyBytesMax: 8 } } });
  const client = await proxy.dial();
  client.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n');
  const { head } = await client.readResponse();
  assert.equal(head.status, 413);
  assert.equal(await client.closed(), 'end');
  assert.equal(backend.peers.length, 0);
});

test('a chunked request is chunked anew, with its trailers', async (t) => {
  const { client, asked } = await exchange(
    t,
    'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n' +
      '3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nX-T: 1\r\nTransfer-Encoding: x\r\n\r\n',
    ok(''),
  );
  assert.equal((await client.readResponse()).head.status, 200);
  assert.equal(asked()?.body.toString(), 'abcde');
  assert.deepEqual(asked()?.chunks, [5]);
  assert.equal(asked()?.trailers, 'X-T: 1\r\n');
  assert.equal(asked()?.head.get('content-length'), undefined);
});

test('a request and its response arrive byte by byte', async (t) => {
  const backend = await startBackend(t, async (peer) => {
    for (;;) {
      const { body, head } = await peer.readRequest();
      const response =
        `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Target: ${head.target}\r\n\r\n` +
        `${body.length.toString(16)}\r\n${body}\r\n0\r\nX-T: 1\r\n\r\n`;
      for (const character of response) await peer.send(character);
    }
  });
  const proxy = await startProxy(t, [backend]);
  const client = await proxy.dial();
  const request =
    '\r\nPOST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n';
  for (const character of request + request) await client.send(character);
  for (let round = 0; round < 2; round++) {
    const { head, body, trailers } = await client.readResponse();
    assert.equal(head.get('x-target'), '/a');
    assert.equal(body.toString(), 'abc');
    assert.equal(trailers, 'X-T: 1\r\n');
  }
});

test('answers of ours have a length, and none for HEAD, 204 and 304', async (t) => {
  const proxy = await startProxy(t, [], {
    route: { redirect: { to: 'https://elsewhere.test{path}{query}', status: 301 }, backends: [] },
    web: {
      hooks: {
        onRequest: (request) => {
          if (request.uri.startsWith('/hook/')) request.respond(Number(request.uri.slice(6)));
        },
      },
    },
  });
  const client = await proxy.dial();
  client.write(get('/x?y') + get('/x').replace('GET', 'HEAD') + get('/'));
  const redirect = await client.readResponse();
  assert.equal(redirect.head.status, 301);
  assert.equal(redirect.head.get('location'), 'https://elsewhere.test/x?y');
  assert.equal(redirect.body.length, Number(redirect.head.get('content-length')));
  assert.equal((await client.readResponse('HEAD')).head.status, 301);
  assert.equal((await client.readResponse()).head.status, 301);
});

test('a hook may answer without a body, or with one of its own', async (t) => {
  const backend = await startBackend(t, () => undefined);
  const proxy = await startProxy(t, [backend], {
    web: {
      hooks: {
        onRequest: ({ uri, respond }) => {
          if (uri === '/json') respond(201, { 'Content-Type': 'application/json' }, '{"a":"ä"}');
          else respond(Number(uri.slice(1)), { 'X-A': '1' });
        },
      },
    },
  });
  const client = await proxy.dial();
  client.write(get('/204') + get('/304') + get('/json') + get('/403'));
  for (const status of [204, 304]) {
    const { head } = await client.readResponse();
    assert.equal(head.status, status);
    assert.equal(head.get('content-length'), undefined);
    assert.equal(head.get('x-a'), '1');
  }
  const { head, body } = await client.readResponse();
  assert.equal(head.get('content-type'), 'application/json');
  assert.equal(body.toString(), '{"a":"ä"}');
  assert.equal((await client.readResponse()).head.status, 403);
  assert.equal(client.pending.length, 0);
});
