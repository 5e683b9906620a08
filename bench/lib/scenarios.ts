import { join, resolve } from 'node:path';
import { echoHost, type IProxy } from './proxies.ts';
import { ask } from './request.ts';
import type { ILoadOf } from './rounds.ts';
import { bigBytes, echoBytes, type ISite } from './site.ts';

/** A load that every proxy gets. */
export type TScenario = ILoadOf<TTarget>;

/** What a load needs to know of a proxy, or of the backends when they are asked directly. */
export type TTarget = Pick<IProxy, 'httpPort' | 'tlsPort' | 'echoPort'>;

const scripts = resolve(import.meta.dirname, '..', 'wrk');
const connections = 64;

/** Path of a script for wrk. */
export function script(name: string): string {
  return join(scripts, name);
}

/** The backends themselves, as the target of a load: what the load core can do without a proxy. */
export function directTarget(site: ISite): TTarget {
  return { httpPort: site.filePort, tlsPort: 0, echoPort: site.echoPort };
}

/** @throws unless the answer is 200 with so many bytes. */
export async function expectBytes(url: string, bytes: number): Promise<void> {
  const { status, body } = await ask(url);
  if (status !== 200 || body.length !== bytes) {
    throw new Error(`${url} answered ${status} with ${body.length} bytes instead of ${bytes}`);
  }
}

const smallBytes = 'hello world\n'.length;
const http = (port: number, path = '/'): string => `http://127.0.0.1:${port}${path}`;
const https = (port: number): string => `https://127.0.0.1:${port}/`;

/** The loads, in the order in which they run. */
export const scenarios: readonly TScenario[] = [
  {
    name: 'small',
    title: `GET of ${smallBytes} bytes, keep-alive, ${connections} connections`,
    load: (proxy) => ({ url: http(proxy.httpPort), connections }),
    check: (proxy) => expectBytes(http(proxy.httpPort), smallBytes),
  },
  {
    name: 'varied',
    title: 'the same with 7 more headers, and another path and cookie each time',
    load: (proxy) => ({ url: http(proxy.httpPort), connections, script: script('varied.lua') }),
    check: (proxy) => expectBytes(http(proxy.httpPort, '/?page=1'), smallBytes),
  },
  {
    name: 'tls',
    title: `GET of ${smallBytes} bytes over TLS 1.3, ECDSA P-256 certificate`,
    load: (proxy) => ({ url: https(proxy.tlsPort), connections }),
    check: (proxy) => expectBytes(https(proxy.tlsPort), smallBytes),
  },
  {
    name: 'big',
    title: `GET of ${bigBytes >> 20} MiB, keep-alive, ${connections} connections`,
    load: (proxy) => ({ url: http(proxy.httpPort, '/big'), connections }),
    check: (proxy) => expectBytes(http(proxy.httpPort, '/big'), bigBytes),
  },
  {
    name: 'echo',
    title: `POST of ${echoBytes >> 10} KiB that comes back, keep-alive, ${connections} connections`,
    load: (proxy) => ({
      url: http(proxy.echoPort),
      connections,
      headers: { Host: echoHost },
      script: script('echo.lua'),
    }),
    async check(proxy) {
      const body = Buffer.alloc(echoBytes, 'y');
      const headers = { Host: echoHost, 'Content-Length': String(echoBytes) };
      const answer = await ask(http(proxy.echoPort), { method: 'POST', headers, body });
      if (answer.status !== 200 || !answer.body.equals(body)) {
        throw new Error(`The echo came back as ${answer.status}, ${answer.body.length} bytes`);
      }
    },
  },
  {
    name: 'newconn',
    title: `GET of ${smallBytes} bytes, a new connection for each, ${connections} at once`,
    load: (proxy) => ({
      url: http(proxy.httpPort),
      connections,
      headers: { Connection: 'close' },
    }),
    check: (proxy) => expectBytes(http(proxy.httpPort), smallBytes),
  },
];

/** Every proxy does the work that is compared: the forwarded headers reach the backend. */
export async function checkForwarding(proxy: IProxy): Promise<void> {
  const url = http(proxy.httpPort, '/headers');
  const { body } = await ask(url, { headers: { Host: 'bench.test' } });
  const [forwardedFor, realIp, protocol, host] = body.toString().split('|');
  if (forwardedFor !== '127.0.0.1' || realIp !== '127.0.0.1' || protocol !== 'http' || !host) {
    throw new Error(`${proxy.name} forwards "${body}"`);
  }
}
