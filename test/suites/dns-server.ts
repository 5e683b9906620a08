import type { TestContext } from 'node:test';
import {
  Answerer,
  type IAnswererOptions,
  type IAnswerSigner,
  ZoneSet,
} from '../../ts/dns/answer/index.ts';
import { DnsCounters, StreamServer, UdpServer } from '../../ts/dns/server/index.ts';
import type { Zone } from '../../ts/dns/zone/zone.ts';
import { LocalPorts } from '../../ts/net/ports.ts';

/** A server with authority, made of the parts alone. */
export interface IDnsTestServer {
  /** The same by UDP and TCP. */
  readonly port: number;
  readonly counters: DnsCounters;
  /** Errors of ours; a test that ends with some has found one. */
  readonly faults: unknown[];
}

/** Serves zones by UDP and TCP on one port of loopback for the length of a test. */
export async function serveZones(
  context: TestContext,
  zones: readonly { zone: Zone; signer?: IAnswerSigner }[],
  options: IAnswererOptions = {},
): Promise<IDnsTestServer> {
  const set = new ZoneSet();
  for (const { zone, signer } of zones) set.set(zone, signer ?? null);
  const counters = new DnsCounters();
  const faults: unknown[] = [];
  const onFault = (error: unknown): void => {
    faults.push(error);
  };
  const parts = { handler: new Answerer(set, options), counters, onFault };
  const tcp = new StreamServer(parts);
  const udp = new UdpServer(parts);
  context.after(() => {
    udp.stop();
    tcp.stop();
  });
  const { port } = await tcp.start(new LocalPorts(), { host: '127.0.0.1', port: 0 });
  await udp.start({ host: '127.0.0.1', port });
  return { port, counters, faults };
}
