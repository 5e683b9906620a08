/**
 * A DNS server made of one of the Node libraries, with the address records of a zone of the benchmark in a Map.
 *
 * Usage: node dns-library.ts PACKAGE PORT ZONE RECORDS
 */
import { createRequire } from 'node:module';
import { hostOf } from '../lib/dns-site.ts';

const [name = '', portText = '', zone = '', recordsText = ''] = process.argv.slice(2);
const port = Number(portText);
const address = '127.0.0.1';
const ttl = 3600;
const addresses = new Map<string, string>();
for (let index = 0; index < Number(recordsText); index++) {
  const [a, b, c] = [index >>> 16, (index >>> 8) & 255, index & 255];
  addresses.set(`${hostOf(index)}.${zone}`, `10.${a}.${b}.${c}`);
}

interface IDns2Packet {
  header: { aa: number; rcode: number };
  questions: { name: string; type: number }[];
  answers: object[];
}

interface IDns2 {
  Packet: {
    TYPE: { A: number };
    CLASS: { IN: number };
    createResponseFromRequest(request: IDns2Packet): IDns2Packet;
  };
  createServer(options: object): { listen(options: object): Promise<unknown> };
}

interface ISmartDns {
  DnsServer: new (
    options: object,
  ) => {
    registerHandler(
      pattern: string,
      types: string[],
      handler: (question: { name: string }) => object | null,
    ): void;
    start(): Promise<void>;
  };
}

await (name === 'dns2' ? serveWithDns2() : serveWithSmartDns());

async function serveWithDns2(): Promise<void> {
  const { Packet, createServer } = createRequire(import.meta.url)(name) as IDns2;
  const handle = (request: IDns2Packet, send: (response: IDns2Packet) => void): void => {
    const response = Packet.createResponseFromRequest(request);
    const [question] = request.questions;
    const found = addresses.get(question?.name.toLowerCase() ?? '');
    response.header.aa = 1;
    if (question === undefined || found === undefined) {
      response.header.rcode = 3;
    } else if (question.type === Packet.TYPE.A) {
      const { A: type } = Packet.TYPE;
      const { IN } = Packet.CLASS;
      response.answers.push({ name: question.name, type, class: IN, ttl, address: found });
    }
    send(response);
  };
  const server = createServer({ udp: true, tcp: true, handle });
  await server.listen({ udp: { port, address }, tcp: { port, address } });
}

async function serveWithSmartDns(): Promise<void> {
  // A module for `import` only; its name is data, so that type checks do not need it to be installed.
  const { DnsServer } = (await import(`${name}/server`)) as ISmartDns;
  const server = new DnsServer({
    udpPort: port,
    udpBindInterface: address,
    httpsPort: 0,
    httpsKey: '',
    httpsCert: '',
    manualHttpsMode: true,
    dnssecZone: zone,
  });
  server.registerHandler(`*.${zone}`, ['A'], (question) => {
    const data = addresses.get(question.name.toLowerCase());
    return data === undefined ? null : { name: question.name, type: 'A', class: 'IN', ttl, data };
  });
  await server.start();
}
