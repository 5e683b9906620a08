import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ednsOption } from '../../ts/dns/codec/edns.ts';
import type { IRecord } from '../../ts/dns/codec/message.ts';
import { parseName } from '../../ts/dns/codec/name.ts';
import { rcodeName, recordTypeName } from '../../ts/dns/codec/types.ts';
import { decoded } from '../dns/query.ts';
import { startRouter } from '../suites/web.ts';
import { askAll, askByTcp } from './dns-client.ts';
import { oddQueries, oddZone } from './dns-odd-queries.ts';
import { serveKnot, serveNamed } from './dns-peers.ts';
import { folderFor, peerTest } from './peer.ts';

const texts = [{ apex: parseName('odd.test.'), text: oddZone }];
const waitMs = 300;

type TAsk = (port: number, queries: readonly Buffer[]) => Promise<(Buffer | null)[]>;

const transports: readonly { name: string; ask: TAsk }[] = [
  {
    name: 'UDP',
    ask: (port, queries) => askAll(port, queries, { timeoutMs: waitMs, triesMax: 2 }),
  },
  {
    name: 'TCP',
    async ask(port, queries) {
      const answers: (Buffer | null)[] = [];
      // Knot lets others wait while it waits for more of what it cannot read.
      for (const query of queries) answers.push(await askByTcp(port, query, waitMs));
      return answers;
    },
  },
];

for (const { name, ask } of transports) {
  const title = `odd queries (RFC 8906) by ${name}: as BIND and Knot`;
  peerTest(title, ['named', 'knotd'], async (context) => {
    const file = join(folderFor(context), 'odd.zone');
    writeFileSync(file, oddZone);
    const { ports: bound, router } = await startRouter(context, {
      dns: {
        listeners: { dns: { address: '127.0.0.1', port: 0 } },
        zones: [{ name: 'odd.test', file }],
        minimalResponses: true,
        udpSizeMax: 4096,
      },
    });
    const ports = [
      bound['dns:dns'] ?? 0,
      await serveNamed(context, texts),
      await serveKnot(context, texts),
    ];
    const queries = oddQueries.map(({ bytes }) => bytes);
    const answers = await Promise.all(ports.map((each) => ask(each, queries)));
    const differences: string[] = [];
    let agreed = 0;
    for (const [index, { what }] of oddQueries.entries()) {
      const [ours, named, knot] = answers.map((all) => behaviour(all[index] ?? null)) as TThree;
      // RFC 1035 §4.1.1, RFC 6891 §6.1.3, and we resolve nothing here.
      assert.doesNotMatch(ours.flags, /\b(z|ra|ad)\b/, what);
      assert.match(ours.edns, /^(|none|0|0 do)$/, what);
      for (const [part, text] of Object.entries(named) as [keyof IBehaviour, string][]) {
        if (knot[part] !== text) continue;
        agreed++;
        if (ours[part] !== text)
          differences.push(`${what}, ${part}\n ours: ${ours[part]}\n both: ${text}`);
      }
    }
    context.diagnostic(`they agree on ${agreed} of ${oddQueries.length * partsCount}`);
    assert.ok(agreed > 0.7 * oddQueries.length * partsCount);
    assert.equal(differences.length, 0, `\n${differences.join('\n')}`);
    assert.equal((await router.dns.stats()).faults, 0);
  });
}

/** What a client sees of an answer. */
interface IBehaviour {
  /** `none`, or the rcode, of all 12 bits. */
  readonly outcome: string;
  /** All of the header's but QR; the reserved one is `z`. */
  readonly flags: string;
  readonly opcode: string;
  readonly questions: string;
  /** Types of the records. */
  readonly answer: string;
  readonly authority: string;
  /** Version and flags. */
  readonly edns: string;
  /** Codes; without ours and theirs that explain an error. */
  readonly options: string;
}

type TThree = [IBehaviour, IBehaviour, IBehaviour];

const nothing: IBehaviour = {
  outcome: 'none',
  flags: '',
  opcode: '',
  questions: '',
  answer: '',
  authority: '',
  edns: '',
  options: '',
};
const partsCount = Object.keys(nothing).length;
const flagNames = ['aa', 'tc', 'rd', 'ra', 'z', 'ad', 'cd'];
const flagBits = [0x0400, 0x0200, 0x0100, 0x80, 0x40, 0x20, 0x10];

function behaviour(bytes: Buffer | null): IBehaviour {
  if (bytes === null) return nothing;
  const bits = bytes.readUInt16BE(2);
  const message = decoded(bytes.fill(0x80, 2, 3));
  const { edns } = message;
  const types = (records: readonly IRecord[]) =>
    records.map(({ type }) => recordTypeName(type)).join(' ');
  const optionCodes = edns?.options.map(({ code }) => code) ?? [];
  return {
    outcome: rcodeName(message.rcode),
    flags: flagNames.filter((_, index) => (bits & (flagBits[index] as number)) !== 0).join(' '),
    opcode: String((bits >>> 11) & 15),
    questions: String(bytes.readUInt16BE(4)),
    answer: types(message.answer),
    authority: types(message.authority),
    edns: edns === null ? 'none' : `${edns.version}${edns.do ? ' do' : ''}`,
    options: optionCodes.filter((code) => code !== ednsOption.EDE).join(' '),
  };
}
