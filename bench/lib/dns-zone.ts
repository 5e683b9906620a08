import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { askDns, waitUntilAnswering } from './dns-query.ts';
import { configFile } from './dns-servers.ts';
import { hostOf, type IDnsSite, plainZone, writeZone } from './dns-site.ts';
import { freePorts, proxyCore, startPinned, usageOf } from './processes.ts';
import { dcrouterCommand, root } from './proxies.ts';
import { median } from './statistics.ts';

/** What a zone with many records costs. */
export interface IBigZoneResult {
  records: number;
  /** The zone alone, in a process that does nothing else. */
  library: {
    /** Heap, and what it holds outside of V8, after garbage collection. */
    bytesPerRecord: number;
    loadMs: number;
    /** The median of the changes of one record. */
    changeMs: number;
  };
  /** The daemon that answers for it; null: not measured. */
  daemon: {
    /** Resident memory over that of a daemon with a small zone. */
    rssBytesPerRecord: number;
    /** From spawn to the first answer. */
    startMs: number;
    /** From the request of a change to the answer that has it; median. */
    changeMs: number;
  } | null;
}

const run = promisify(execFile);
const program = join(root, 'bench', 'servers', 'dns-zone.ts');
const changes = 1000;
const settleMs = 3000;
const apiChanges = 50;
/** Records of the zone that the big one is compared with. */
const fewRecords = 1000;

/** Loads a zone of so many records and changes it. @param isLive whether the daemon is measured too. */
export async function measureBigZone(
  site: IDnsSite,
  records: number,
  isLive: boolean,
): Promise<IBigZoneResult> {
  const path = join(site.folder, 'big.zone');
  writeZone(path, records);
  const args = ['--expose-gc', program, path, plainZone, String(changes)];
  const { stdout } = await run(process.execPath, args);
  const library = JSON.parse(stdout) as IBigZoneResult['library'];
  return { records, library, daemon: isLive ? await measureDaemon(site, path, records) : null };
}

async function measureDaemon(
  site: IDnsSite,
  bigFile: string,
  records: number,
): Promise<IBigZoneResult['daemon']> {
  const fewFile = join(site.folder, 'few.zone');
  writeZone(fewFile, fewRecords);
  const few = await withDaemon(site, 'few', fewFile, async ({ rssBytes }) => rssBytes);
  return await withDaemon(site, 'big', bigFile, async ({ rssBytes, startMs, ports, token }) => {
    const times: number[] = [];
    for (let index = 0; index < apiChanges; index++) {
      times.push(await changeOne(ports, token, `10.255.0.${index}`, hostOf(index * 97)));
    }
    const rssBytesPerRecord = (rssBytes - few) / (records - fewRecords);
    return { rssBytesPerRecord, startMs, changeMs: median(times) };
  });
}

interface IPorts {
  dns: number;
  api: number;
}

interface IDaemon {
  rssBytes: number;
  startMs: number;
  ports: IPorts;
  token: string;
}

async function withDaemon<T>(
  site: IDnsSite,
  name: string,
  file: string,
  body: (daemon: IDaemon) => Promise<T>,
): Promise<T> {
  const [dns = 0, api = 0] = await freePorts(2);
  const path = configFile(site, name, {
    api: { enabled: true, port: api },
    dns: {
      listeners: { dns: { address: '127.0.0.1', port: dns } },
      zones: [{ name: plainZone, file }],
    },
  });
  const startedAt = performance.now();
  const running = startPinned(proxyCore, dcrouterCommand(path));
  try {
    const startMs = await waitUntilAnswering(dns, `${hostOf(0)}.${plainZone}`, running, startedAt);
    // What the load leaves behind is collected some time later.
    await new Promise((done) => setTimeout(done, settleMs));
    const { rssBytes } = usageOf(running.pid);
    const token = readFileSync(join(site.folder, `${name}-data`, 'admin-token'), 'utf8').trim();
    return await body({ rssBytes, startMs, ports: { dns, api }, token });
  } finally {
    await running.stop();
  }
}

/** @returns milliseconds from the request to the answer by UDP that has the new address. */
async function changeOne(
  ports: IPorts,
  token: string,
  address: string,
  host: string,
): Promise<number> {
  const url = `http://127.0.0.1:${ports.api}/api/v1/dns/zones/${plainZone}/records/${host}/A`;
  const startedAt = performance.now();
  const { ok, status } = await fetch(url, {
    method: 'PUT',
    headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ ttl: 300, data: address }),
  });
  if (!ok) throw new Error(`${url} answered ${status}`);
  const answer = await askDns(ports.dns, `${host}.${plainZone}`);
  if (answer?.end !== address) throw new Error(`${host} is not ${address} but ${answer?.end}`);
  return performance.now() - startedAt;
}
