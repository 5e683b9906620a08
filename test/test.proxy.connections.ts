import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ILiveConnection } from '../ts/proxy/live-connection.ts';
import type { IConnectionInfo } from '../ts_interfaces/index.ts';
import {
  echoTargets,
  eventually,
  get,
  type IProxy,
  ok,
  startBackend,
  startProxy,
} from './suites/engine.ts';

function connectionsOf({ manager }: IProxy): ILiveConnection[] {
  return [...manager.connections()];
}

function infosOf(proxy: IProxy): IConnectionInfo[] {
  return connectionsOf(proxy).map((connection) => connection.describe(performance.now()));
}

test('connections() tells who is connected, with what, and how much has moved', async (context) => {
  const backend = await startBackend(context, echoTargets);
  const proxy = await startProxy(context, [backend]);
  assert.deepEqual(infosOf(proxy), []);
  const client = await proxy.dial();
  const request = get('/a');
  client.write(request);
  const { head, body } = await client.readResponse();
  await eventually(() => infosOf(proxy)[0]?.route === null, 'the request is over');
  const [info] = infosOf(proxy) as [IConnectionInfo];
  const { id, openedAt, ageSeconds, idleSeconds, ...rest } = info;
  assert.deepEqual(rest, {
    protocol: 'http',
    client: `127.0.0.1:${client.socket.localPort}`,
    entrypoint: 'http',
    port: proxy.port,
    route: null,
    backend: null,
    serverName: null,
    bytesIn: request.length,
    bytesOut: head.text.length + 4 + body.length,
    worker: null,
  });
  assert.ok(ageSeconds >= idleSeconds && idleSeconds >= 0 && ageSeconds < 5);
  assert.ok(Math.abs(Date.parse(openedAt) - Date.now()) < 5000);
  assert.deepEqual(
    infosOf(proxy).map((again) => [again.id, again.openedAt]),
    [[id, openedAt]],
  );
  assert.equal(connectionsOf(proxy)[0]?.id, id);
});

test('connections() names the route and the backend of the request under way', async (context) => {
  const backend = await startBackend(context, async (peer) => {
    await peer.readRequest();
    await peer.closed();
  });
  const proxy = await startProxy(context, [backend]);
  const secure = await proxy.dialTls();
  secure.write(get('/'));
  await eventually(
    () => backend.peers[0]?.bytesRead !== undefined && infosOf(proxy)[0]?.route !== null,
  );
  const [info] = infosOf(proxy) as [IConnectionInfo];
  assert.deepEqual(
    [info.protocol, info.entrypoint, info.port, info.route, info.backend, info.serverName],
    ['https', 'https', proxy.securePort, 'all', `127.0.0.1:${backend.port}`, 'example.test'],
  );
  assert.equal(info.client, `127.0.0.1:${secure.socket.localPort}`);
});

test('connections() tells WebSockets and tunnels apart', async (context) => {
  const backend = await startBackend(context, async (peer) => {
    const { head } = await peer.readRequest();
    peer.write(
      head.method === 'CONNECT'
        ? 'HTTP/1.1 200 OK\r\n\r\n'
        : `HTTP/1.1 101 Switching Protocols\r\nUpgrade: ${head.get('upgrade')}\r\n\r\n`,
    );
    peer.write(await peer.read(3));
    await peer.closed();
  });
  const proxy = await startProxy(context, [backend], { route: { allowConnect: true } });
  const cases = [
    { request: get('/', 'Connection: Upgrade\r\nUpgrade: WebSocket\r\n'), protocol: 'websocket' },
    { request: get('/', 'Connection: Upgrade\r\nUpgrade: other/1\r\n'), protocol: 'tunnel' },
    { request: 'CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n', protocol: 'tunnel' },
  ];
  for (const { request, protocol } of cases) {
    const client = await proxy.dial();
    client.write(request);
    const { text } = await client.readHead();
    client.write('abc');
    assert.equal((await client.read(3)).toString(), 'abc');
    const [info] = infosOf(proxy) as [IConnectionInfo];
    assert.deepEqual(
      [info.protocol, info.route, info.backend],
      [protocol, 'all', `127.0.0.1:${backend.port}`],
    );
    assert.deepEqual([info.bytesIn, info.bytesOut], [request.length + 3, text.length + 4 + 3]);
    connectionsOf(proxy)[0]?.close();
    assert.equal(await client.closed(), 'reset');
    await eventually(() => infosOf(proxy).length === 0);
  }
});

test('close() breaks a connection off in the middle of a response; twice does no harm', async (context) => {
  const backend = await startBackend(context, async (peer) => {
    await peer.readRequest();
    peer.write('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nbeginning');
    await peer.closed();
  });
  const proxy = await startProxy(context, [backend]);
  for (const open of [proxy.dial, proxy.dialTls]) {
    const client = await open();
    client.write(get('/'));
    await client.readTo('beginning');
    const [connection] = connectionsOf(proxy);
    connection?.close();
    connection?.close();
    await client.closed();
    await backend.peers.at(-1)?.closed();
    await eventually(() => connectionsOf(proxy).length === 0);
    assert.equal(typeof connection?.describe(performance.now()).id, 'string');
    connection?.close();
  }
});

test('ids are unique over entrypoints', async (context) => {
  const backend = await startBackend(context, echoTargets);
  const proxy = await startProxy(context, [backend]);
  await Promise.all([proxy.dial(), proxy.dialTls(), proxy.dial(), proxy.dialTls()]);
  await eventually(() => connectionsOf(proxy).length === 4);
  const ids = connectionsOf(proxy).map(({ id }) => id);
  assert.equal(new Set(ids).size, 4);
});

test('a client behind the PROXY protocol is listed by the address that the header names', async (context) => {
  const backend = await startBackend(context, async (peer) => {
    for (;;) {
      const { head } = await peer.readRequest();
      peer.write(ok(head.get('x-forwarded-for') ?? ''));
    }
  });
  const entrypoints = {
    http: { address: '127.0.0.1', port: 0, proxyProtocol: { from: ['127.0.0.1'] } },
  };
  const proxy = await startProxy(context, [backend], { web: { entrypoints } });
  const client = await proxy.dial();
  client.write(`PROXY TCP6 2001:db8::1 2001:db8::2 5678 443\r\n${get('/')}`);
  assert.equal((await client.readResponse()).body.toString(), '2001:db8::1');
  const [info] = infosOf(proxy) as [IConnectionInfo];
  assert.deepEqual([info.client, info.port], ['[2001:db8::1]:5678', 443]);
});
