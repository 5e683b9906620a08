import assert from 'node:assert/strict';
import { once } from 'node:events';
import { performance } from 'node:perf_hooks';
import { extendedErrors } from '../../ts/dns/codec/edns.ts';
import type { IMessage } from '../../ts/dns/codec/message.ts';
import { rdataCodec } from '../../ts/dns/codec/rdata.ts';
import { rcodeName } from '../../ts/dns/codec/types.ts';
import type { IDnsResolverOptions } from '../../ts_interfaces/index.ts';
import { decoded, plainEdns, queryFor } from '../dns/query.ts';
import { makeCertificate } from './certificate.ts';
import { comparable, type TWay, ways } from './dns-comparable.ts';
import { internet } from './dns-internet.ts';
import { faultPlaces, hostQuestions, netPeers, soundZones } from './dns-internet-zones.ts';
import { until } from './dns-movers.ts';
import { peerTest } from './peer.ts';

const zones = /^(?:(?:signed|hashed|ended|forged)\.lab|plain\.opt)\.$/;
const questions = soundZones
  .filter(({ name }) => zones.test(name))
  .flatMap(({ name: zone }) => {
    return hostQuestions.flatMap(([owner, ...types]) => {
      const name = owner === '@' ? zone : `${owner}.${zone}`;
      return types.map((type) => [name, type] as const);
    });
  });

const listening = (port: number, resolver: IDnsResolverOptions, address = '127.0.0.1') => ({
  api: { port: 0 },
  web: { entrypoints: { http: { address: '127.0.0.1', port: 0 } } },
  dns: {
    listeners: { dns: { address, port } },
    resolver: { clients: ['127.0.0.1/32'], ...resolver },
  },
});

peerTest(
  'forwarding to Unbound says what Unbound says, by every way',
  netPeers,
  async (context) => {
    const net = await internet(context);
    const { certFile } = makeCertificate(net.folder, 'unbound.lab');
    const tls = `  interface: 127.0.0.1@8853
  interface: 127.0.0.1@8443
  tls-port: 8853
  https-port: 8443
  tls-service-key: "${net.folder}/unbound.lab.key"
  tls-service-pem: "${certFile}"`;
    await Promise.all([net.unbound(5301, tls), net.unbound(5302, '  module-config: "iterator"')]);
    const { silent, fails } = faultPlaces;
    const trustAnchors = net.anchorFile;
    const routers: Record<string, IDnsResolverOptions> = {
      udp: { servers: ['127.0.0.1:5301'] },
      tcp: { servers: ['tcp://127.0.0.1:5301'] },
      tls: { servers: ['tls://127.0.0.1:8853#unbound.lab'] },
      https: { servers: ['https://unbound.lab:8443/dns-query@127.0.0.1'] },
      'validating itself': { servers: ['127.0.0.1:5302'], validate: true, trustAnchors },
      'after others': { servers: ['127.0.0.1:5399', fails, silent, '127.0.0.1:5301'] },
      'another name': { servers: ['tls://127.0.0.1:8853#other.lab'] },
    };
    const port = (index: number) => 5310 + index;
    await Promise.all(
      Object.values(routers).map((resolver, index) => {
        return net.router(listening(port(index), resolver), [`NODE_EXTRA_CA_CERTS=${certFile}`]);
      }),
    );
    const differences: string[] = [];
    for (const [way, how] of Object.entries(ways) as [TWay, Partial<IMessage>][]) {
      const queries = questions.map(([name, type]) => queryFor(name, type, how));
      const reference = await net.ask(5301, queries);
      const names = Object.keys(routers);
      const all = await Promise.all(names.map((_, index) => net.ask(port(index), queries)));
      for (const [index, name] of names.entries()) {
        const answers = all[index] ?? [];
        for (const [at, answer] of answers.entries()) {
          const ours = comparable(answer, way);
          let theirs = comparable(reference[at] ?? null, way);
          // Somebody may be on the way to one of these servers.
          if (name === 'after others') theirs = theirs.replace(' ad', '');
          if (name === 'another name') theirs = 'SERVFAIL';
          if (ours === theirs) continue;
          differences.push(`${name} ${way}: ${questions[at]}\n ${ours}\n Unbound: ${theirs}`);
        }
      }
    }
    assert.deepEqual(differences, []);
  },
);

/** Asks one question, with its time. */
async function asked(net: Awaited<ReturnType<typeof internet>>, port: number, name: string) {
  const startMs = performance.now();
  const query = queryFor(name, 'A', { recursionDesired: true, edns: plainEdns });
  const [bytes] = await net.ask(port, [query]);
  const tookMs = performance.now() - startMs;
  if (!bytes) return { tookMs, rcode: 'nothing', data: [], code: undefined, ttl: 0 };
  const { rcode, answer, edns } = decoded(bytes);
  const data = answer.map(({ type, rdata }) => rdataCodec(type).format(rdata));
  const [error] = extendedErrors(edns);
  return { tookMs, rcode: rcodeName(rcode), data, code: error?.code, ttl: answer[0]?.ttl };
}

peerTest(
  'a resolver whose servers are gone answers with what it had',
  netPeers,
  async (context) => {
    const net = await internet(context);
    const upstream = await net.unbound(5301);
    const [own, limited] = [5310, 5311];
    const router = listening(own, { servers: ['127.0.0.1:5301'], ttlMax: 1, negativeTtlMax: 1 });
    await net.router({ ...router, api: { address: '127.0.0.1', port: 8099 } });
    await net.router(listening(limited, { servers: ['127.0.0.1:5301'], clients: ['127.0.0.2'] }));

    const name = 'www.signed.lab.';
    const both = ['192.0.2.1', '192.0.2.2'];
    const fresh = await asked(net, own, name);
    assert.deepEqual([fresh.data.sort(), fresh.ttl], [both, 1]);
    assert.equal((await asked(net, own, 'nothing.signed.lab.')).rcode, 'NXDOMAIN');
    assert.equal((await asked(net, limited, name)).rcode, 'REFUSED');
    const dig = ['dig', '-b', '127.0.0.2', '-p', `${limited}`, '@127.0.0.1', '+short', name];
    const inside = await net.run(...dig);
    assert.deepEqual(inside.trim().split('\n').sort(), both);

    const ended = once(upstream, 'exit');
    upstream.kill('SIGTERM');
    await ended;
    // RFC 8767: after 1.8 s at the latest, and the next ones at once.
    await until(
      async () => (await asked(net, own, name)).code === 3,
      () => 'nothing stale comes',
    );
    const stale = await asked(net, own, name);
    assert.deepEqual([stale.rcode, stale.data.sort(), stale.ttl], ['NOERROR', both, 30]);
    assert.ok(stale.tookMs < 1000, `${stale.tookMs} ms`);
    await until(
      async () => (await asked(net, own, 'nothing.signed.lab.')).code === 19,
      () => 'no stale denial comes',
    );
    assert.equal((await asked(net, own, 'txt.signed.lab.')).rcode, 'SERVFAIL');

    await net.unbound(5301);
    await until(
      async () => (await asked(net, own, 'txt.signed.lab.')).rcode === 'NOERROR',
      () => 'the server is back, and is not asked',
    );
  },
);

peerTest(
  'system mode follows resolv.conf, and does not ask itself for ever',
  netPeers,
  async (context) => {
    const net = await internet(context);
    const known = (address: string, answer: string) => {
      return `  interface: ${address}@53\n  local-data: "which.lab. 1 IN A ${answer}"`;
    };
    await Promise.all([
      net.unbound(5301, known('127.0.0.53', '192.0.2.53')),
      net.unbound(5302, known('127.0.0.54', '192.0.2.54')),
    ]);
    net.resolvConf('nameserver 127.0.0.53\n');
    await net.router(listening(5310, { mode: 'system' }));
    assert.deepEqual((await asked(net, 5310, 'which.lab.')).data, ['192.0.2.53']);
    net.resolvConf('nameserver 127.0.0.54\n');
    await until(
      async () => (await asked(net, 5310, 'which.lab.')).data[0] === '192.0.2.54',
      () => 'the other server is not asked',
    );

    // Now it is its own server.
    net.resolvConf('nameserver 127.0.0.1\n');
    await net.router(listening(53, { mode: 'system' }));
    const answers = await Promise.all(
      ['which.lab.', 'a.lab.', 'b.lab.'].map((name) => asked(net, 53, name)),
    );
    for (const { rcode, tookMs } of answers) {
      assert.equal(rcode, 'SERVFAIL');
      assert.ok(tookMs < 9000, `${tookMs} ms`);
    }
    // Each question went round a few times, not for ever.
    const counts = (await net.run('cat', '/proc/net/snmp')).match(/^Udp: (\d+)/m);
    assert.ok(Number(counts?.[1]) < 1000, `${counts?.[1]} datagrams`);
  },
);
