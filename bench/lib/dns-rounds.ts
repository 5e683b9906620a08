import { dnsMedians, type IDnsLoad, type IDnsMeasurement, measureDns } from './dns-load.ts';
import { askDns } from './dns-query.ts';
import type { IDnsScenarioResult } from './dns-report.ts';
import type { IDnsServer } from './dns-servers.ts';
import {
  askedNames,
  hostOf,
  type IDnsSite,
  plainZone,
  signedZone,
  writeQuestions,
} from './dns-site.ts';
import { type IRounds, progress } from './rounds.ts';

/** A load that every server gets. */
export interface IDnsScenario {
  name: string;
  title: string;
  /** Of a zone that only whole servers have, or by TCP. */
  isForWhole: boolean;
  /** Rows that ratios are taken of. */
  bases: readonly string[];
  load: Omit<IDnsLoad, 'port' | 'seconds'>;
  /** @throws unless the server answers as it must. */
  check(server: IDnsServer): Promise<void>;
}

/** Sockets of dnsperf: as many clients. */
const clients = 16;
const open = 256;
const connections = 64;

/** What dnsperf does by UDP, here and with workers. */
export const udpLoad = { clients, open };

/** The loads on servers with authority, in the order in which they run. */
export function dnsScenarios(site: IDnsSite): IDnsScenario[] {
  const questionsFile = writeQuestions(site, plainZone, askedNames);
  const bases = ['knotd', 'named'];
  const common = {
    bases,
    isForWhole: true,
    check: (server: IDnsServer) => check(server, plainZone),
  };
  return [
    {
      ...common,
      name: 'udp',
      title: `UDP, ${askedNames} names of the plain zone`,
      isForWhole: false,
      load: { questionsFile, clients, open },
    },
    {
      ...common,
      name: 'udp-all',
      title: 'UDP, every name of the plain zone in turn',
      load: { questionsFile: writeQuestions(site, plainZone, site.records), clients, open },
    },
    {
      ...common,
      name: 'dnssec',
      title: `UDP with DO, ${askedNames} names of the signed zone`,
      load: {
        questionsFile: writeQuestions(site, signedZone, askedNames),
        clients,
        open,
        dnssec: true,
      },
      check: (server) => check(server, signedZone, true),
    },
    {
      ...common,
      name: 'tcp',
      title: `TCP, ${connections} connections that stay, ${askedNames} names of the plain zone`,
      load: { questionsFile, mode: 'tcp', clients: connections, open },
    },
  ];
}

async function check({ name, port }: IDnsServer, zone: string, dnssec = false): Promise<void> {
  const answer = await askDns(port, `${hostOf(1)}.${zone}`, dnssec);
  const expected = dnssec ? 2 : 1;
  if (
    answer === null ||
    answer.rcode !== 0 ||
    answer.answers !== expected ||
    !answer.isAuthoritative
  ) {
    throw new Error(`${name} answers ${JSON.stringify(answer)} about ${zone}`);
  }
}

/** All servers in turn, round by round, so that whatever changes on the machine meets all of them. */
export async function runDnsRounds(
  scenario: IDnsScenario,
  servers: readonly IDnsServer[],
  { rounds, seconds, warmUpSeconds }: IRounds,
): Promise<IDnsScenarioResult> {
  const { name, title, bases, load } = scenario;
  const results = new Map<string, IDnsMeasurement[]>(servers.map((server) => [server.name, []]));
  for (const server of servers) {
    await scenario.check(server);
    const warmUp = { ...load, port: server.port, seconds: warmUpSeconds };
    await measureDns(warmUp, server.running.pid);
  }
  for (let round = 1; round <= rounds; round++) {
    progress(`${name}: round ${round} of ${rounds}`);
    for (const server of servers) {
      const measured = await measureDns(
        { ...load, port: server.port, seconds },
        server.running.pid,
      );
      results.get(server.name)?.push(measured);
    }
  }
  const rows = Array.from(results, ([server, measured]) => ({
    server,
    median: dnsMedians(measured),
    rounds: measured,
  }));
  return { name, title, bases, rows };
}
