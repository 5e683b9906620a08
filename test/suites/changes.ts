import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { DcRouter, mergeOptions } from '../../ts/dcrouter.ts';
import type { IDcRouterOptions } from '../../ts_interfaces/index.ts';
import { certificateOf } from '../fixtures/control-plane.ts';
import { routeTo, temporaryFolder } from './web.ts';
import {
  type ILong,
  type IWitnessOrigin,
  openDownload,
  openSession,
  openWebSocket,
} from './witnesses.ts';

/** What is refused is logged; nobody reads it. */
const log = { level: 'error', path: '/dev/null' } as const;
const loopback = { address: '127.0.0.1', port: 0 };
const [wildcard, rsa] = [certificateOf('wildcard'), certificateOf('rsa')];

/** What nobody may notice anything of, in the configuration's words. */
export function baseOf({ backend, echoPort }: IWitnessOrigin): IDcRouterOptions {
  return {
    log,
    certificates: [{ domain: '*.example.test', ...wildcard }],
    web: {
      entrypoints: { http: loopback, https: { ...loopback, tls: true } },
      routes: [routeTo([backend]), routeTo([backend], { id: 'tls', vHost: 'a.example.test' })],
    },
    tcp: { id: 'echo', address: '127.0.0.1', fromPort: 0, toPort: echoPort },
  };
}

/** A router with a file and a data folder. */
export async function startFromFile(context: TestContext, options: IDcRouterOptions) {
  const folder = temporaryFolder(context);
  const configFile = path.join(folder, 'dcrouter.json');
  const write = (written: IDcRouterOptions) => writeFileSync(configFile, JSON.stringify(written));
  write(options);
  const overrides = { dataDir: path.join(folder, 'data') };
  const router = new DcRouter(mergeOptions(options, overrides), { configFile, overrides });
  context.after(() => router.stop());
  await router.start();
  const addresses = router.addresses();
  const ports = {
    http: addresses.http?.port ?? 0,
    https: addresses.https?.port ?? 0,
    tcp: addresses['tcp:echo']?.port ?? 0,
  };
  return { router, write, ports };
}

/** What is open while everything else changes. */
export async function openAll(
  context: TestContext,
  { router, ports }: Awaited<ReturnType<typeof startFromFile>>,
  origin: IWitnessOrigin,
): Promise<ILong[]> {
  const { item } = await router.control.tcp.add({
    ...{ id: 'other', address: '127.0.0.1', fromPort: 0, toPort: origin.echoPort },
  });
  return [
    await openWebSocket(context, ports.http),
    await openSession(context, ports.tcp),
    await openSession(context, item.listening[0]?.port ?? 0),
    await openDownload(ports.http, origin),
  ];
}

/** Changes over the control plane, as they come in turn; `round` counts how often they have come. */
export function changesOf({ control }: DcRouter, origin: IWitnessOrigin) {
  const { backend, echoPort } = origin;
  const twin = { ...backend, id: 'twin' };
  const name = (round: number) => `n${round}`;
  const entry = (id: string) => ({ id, address: '127.0.0.1', fromPort: 0, toPort: echoPort });
  return [
    (round: number) =>
      control.routes.add(routeTo([backend], { id: name(round), vHost: `${name(round)}.test` })),
    (round: number) => control.backends.add('a', { ...twin, weight: 1 + (round % 3) }),
    (round: number) => control.routes.patch(name(round), { headers: { 'X-Round': `${round}` } }),
    () => control.backends.mark('a', 'twin', 'dead'),
    (round: number) =>
      control.certificates.set({ domain: `${name(round)}.example.test`, ...wildcard }),
    (round: number) => control.tcp.add(entry(name(round))),
    () => control.certificates.set({ domain: 'rsa.example.test', ...rsa }),
    (round: number) =>
      control.access.put('list', { addresses: [`10.0.${round}.0/24`, '10.9.9.9'] }),
    (round: number) =>
      control.routes.patch('tls', { access: { deny: ['@list', `10.1.1.${round}`] } }),
    (round: number) =>
      control.tcp.patch('echo', { access: { deny: ['@list', `10.1.1.${round}`] } }),
    (round: number) => control.limits.put('limit', { requests: 1000 + round, burst: 100_000 }),
    (round: number) => control.routes.patch('a', { rateLimits: ['limit'], priority: round % 3 }),
    (round: number) =>
      control.tcpParts.putDomain('other', 'd', {
        domains: [`${name(round)}.test`],
        toPort: echoPort,
      }),
    (round: number) => control.tcp.patch(name(round), { toPort: [echoPort, echoPort] }),
    () => control.backends.mark('a', 'twin', 'alive'),
    () => control.backends.remove('a', 'twin'),
    () => control.tcpParts.removeDomain('other', 'd'),
    (round: number) => control.tcp.remove(name(round)),
    (round: number) => control.certificates.remove(`${name(round)}.example.test`),
    (round: number) => control.routes.remove(name(round)),
  ];
}

/** The file of a round: everything is different each time, what the witnesses use as well. */
export function reloadedWith(origin: IWitnessOrigin, round: number): IDcRouterOptions {
  const { backend, echoPort } = origin;
  const isEven = round % 2 === 0;
  const local = { address: '127.0.0.1', fromPort: 0 };
  const twin = { ...backend, id: 'twin', weight: 1 + (round % 3) };
  return {
    drainTimeoutMs: 5000 + round,
    log: { ...log, level: isEven ? 'error' : 'warn' },
    certificates: [
      { domain: '*.example.test', ...wildcard },
      isEven ? { domain: 'rsa.example.test', ...rsa } : { domain: 'b.example.test', ...wildcard },
    ],
    access: { lists: { office: { addresses: [`10.0.${round}.0/24`] } } },
    limits: { some: { requests: 100_000 + round } },
    web: {
      entrypoints: {
        http: { ...loopback, connectionsMax: 1000 + round },
        https: { ...loopback, tls: true, access: { deny: [`10.0.${round}.1`] } },
        [`extra-${round % 3}`]: { ...loopback, connectionsMax: round + 1 },
      },
      timeouts: { tunnelIdleMs: 100_000 + round },
      limits: { headerCountMax: 100 + round },
      trustedProxies: [`10.2.${round}.0/24`],
      routes: [
        routeTo([backend], { id: `r${round % 7}`, vHost: `r${round}.test`, rateLimits: ['some'] }),
        routeTo([backend], { id: 'tls', vHost: 'a.example.test', priority: round }),
        routeTo(isEven ? [twin] : [backend, twin], { headers: { 'X-Round': `${round}` } }),
      ],
    },
    tcp: [
      { ...local, id: `t${round % 5}`, toPort: echoPort, bandwidth: { inBytesPerSecond: 1e6 } },
      { ...local, id: 'udp', protocol: 'udp', toPort: 10_000 + round },
      {
        ...local,
        id: 'names',
        domainConfigs: [{ domains: [`r${round}.test`], toPort: echoPort }],
        access: { allow: ['@office'] },
      },
      {
        ...local,
        id: 'echo',
        toPort: isEven ? echoPort : [echoPort, echoPort],
        retries: round % 3,
      },
    ],
  };
}
