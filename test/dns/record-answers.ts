/**
 * Asks BIND, Knot and NSD about the zones in `zones/`, writes down the answers on which all that
 * loaded the zone agree, and prints the others. Run it after a zone was added or changed:
 *
 *   node test/dns/record-answers.ts [zone…]
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { encodeMessage } from '../../ts/dns/codec/encode.ts';
import { decodeMessage, emptyMessage, isMessageError } from '../../ts/dns/codec/message.ts';
import { formatName, parentOf, parseName } from '../../ts/dns/codec/name.ts';
import { rcodeName, recordTypeOf } from '../../ts/dns/codec/types.ts';
import type { Zone } from '../../ts/dns/zone/zone.ts';
import { findPeer } from '../peers/peer.ts';
import {
  formatAnswers,
  type IAgreedAnswer,
  ourAnswer,
  readZone,
  sectionsText,
  type TAnswerText,
  zonesFolder,
} from './zone-answer.ts';

const questionTypes = 'A AAAA NS DS CNAME TXT MX SOA DNAME'.split(' ');

interface IServer {
  readonly name: string;
  readonly port: number;
  readonly command: string;
  readonly args: string[];
}

const folder = mkdtempSync(join(tmpdir(), 'answers-'));
const wanted = process.argv.slice(2);
const files = readdirSync(zonesFolder)
  .filter((file) => file.endsWith('.zone'))
  .filter((file) => wanted.length === 0 || wanted.includes(basename(file, '.zone')));
const children: ChildProcess[] = [];
const socket = createSocket('udp4');
const edns = { udpSize: 4096, version: 0, do: false, options: [] };

try {
  await record();
} finally {
  for (const child of children) child.kill();
  await Promise.all(children.map((child) => child.exitCode ?? once(child, 'exit')));
  socket.close();
  rmSync(folder, { recursive: true });
}

async function record(): Promise<void> {
  for (const file of files) copyFileSync(join(zonesFolder, file), join(folder, file));
  const servers = [bind(), knot(), nsd()];
  for (const { command, args } of servers) {
    children.push(spawn(findPeer(command) as string, args, { stdio: 'ignore', cwd: folder }));
  }
  await delay(2_500);
  for (const file of files) await recordZone(file, servers);
}

async function recordZone(file: string, servers: readonly IServer[]): Promise<void> {
  const zone = readZone(file);
  const apex = formatName(zone.apex);
  const willing: IServer[] = [];
  for (const server of servers) {
    const answer = await ask(server, { name: apex, type: 'SOA' });
    if (answer?.[0] === 'NOERROR aa') willing.push(server);
  }
  const agreed: IAgreedAnswer[] = [];
  let ours = 0;
  for (const question of questionsOf(zone)) {
    const answers: (TAnswerText | undefined)[] = [];
    for (const server of willing) answers.push(await ask(server, question));
    const texts = answers.map((answer) => answer?.join('\n   ') ?? 'nothing');
    const [answer] = answers;
    const mine = ourAnswer(zone, question).join('\n   ');
    if (answer !== undefined && new Set(texts).size === 1) {
      agreed.push({ ...question, answer });
      if (mine === texts[0]) continue;
      ours++;
      console.log(`OURS ${question.name} ${question.type}\n   ${texts[0]}\n  ours\n   ${mine}`);
      continue;
    }
    const alike = willing.filter((_, index) => texts[index] === mine).map(({ name }) => name);
    console.log(`they differ: ${question.name} ${question.type}; we are like ${alike.join(', ')}`);
    if (!process.env.VERBOSE) continue;
    for (const [index, { name }] of willing.entries()) console.log(`  ${name}\n   ${texts[index]}`);
    console.log(`  ours\n   ${mine}`);
  }
  const names = willing.map(({ name }) => name).join(', ');
  console.log(`${file}: ${names} agree on ${agreed.length} answers, ${ours} of ours differ`);
  const path = join(zonesFolder, file.replace('.zone', '.answers'));
  writeFileSync(path, formatAnswers(`As ${names} answer.`, agreed));
}

/** All owners, their ancestors, and names below both, some of them in capitals. */
function questionsOf(zone: Zone): Omit<IAgreedAnswer, 'answer'>[] {
  const names = new Set<string>();
  for (const { name } of zone.nodes()) {
    for (let at: Buffer | null = name; at !== null; at = parentOf(at)) {
      if (zone.keyOf(at) === undefined) break;
      const text = formatName(at);
      for (const below of ['', 'x.', 'Y.x.', '*.', 'a.*.', 'zz.']) names.add(below + text);
    }
  }
  const all = [...names].filter((name) => isName(name)).sort();
  return all.flatMap((name, index) =>
    questionTypes
      .filter((_, number) => all.length < 24 || (index + number) % 4 === 0)
      .map((type) => ({ name: index % 7 === 3 ? name.toUpperCase() : name, type })),
  );
}

function isName(text: string): boolean {
  try {
    return parseName(text).length > 0;
  } catch (error) {
    if (error instanceof Error) return false;
    throw error;
  }
}

async function ask(
  server: IServer,
  { name, type }: Omit<IAgreedAnswer, 'answer'>,
): Promise<TAnswerText | undefined> {
  const question = { name: parseName(name), type: recordTypeOf(type) as number, class: 1 };
  const query = encodeMessage({ ...emptyMessage, id: 4711, question: [question], edns });
  socket.send(query, server.port, '127.0.0.1');
  const signal = AbortSignal.timeout(1_000);
  const [bytes] = await once(socket, 'message', { signal }).catch((error: Error) => {
    if (error.name === 'AbortError') return [undefined];
    throw error;
  });
  if (bytes === undefined) return undefined;
  const message = decodeMessage(bytes as Buffer);
  if (isMessageError(message) || message.truncated) return undefined;
  return sectionsText({
    outcome: `${rcodeName(message.rcode)}${message.authoritative ? ' aa' : ''}`,
    answer: message.answer,
    authority: message.authority,
    additional: message.additional,
  });
}

function bind(): IServer {
  const zones = files.map((file) => `zone "${zoneName(file)}" { type primary; file "${file}"; };`);
  const config = `options { directory "${folder}"; listen-on port 5311 { 127.0.0.1; };
    listen-on-v6 { none; }; pid-file "${folder}/named.pid"; session-keyfile "${folder}/key";
    recursion no; zero-no-soa-ttl no; minimal-responses yes; notify no; dnssec-validation no; check-integrity no;
    check-names primary ignore; check-wildcard no; empty-zones-enable no; max-udp-size 4096;
  };\ncontrols { };\n`;
  writeFileSync(join(folder, 'named.conf'), config + zones.join('\n'));
  return {
    name: 'BIND',
    port: 5311,
    command: 'named',
    args: ['-g', '-n', '1', '-c', 'named.conf'],
  };
}

function knot(): IServer {
  mkdirSync(join(folder, 'knot'));
  const zones = files.map((file) => `  - domain: ${zoneName(file)}\n    file: ${folder}/${file}\n`);
  const config = `server:\n  rundir: ${folder}/knot\n  listen: 127.0.0.1@5312\n
database:\n  storage: ${folder}/knot\ntemplate:\n  - id: default\n    journal-content: none
    zonefile-sync: -1\n    semantic-checks: soft\nzone:\n`;
  writeFileSync(join(folder, 'knot.conf'), config + zones.join(''));
  return { name: 'Knot', port: 5312, command: 'knotd', args: ['-c', join(folder, 'knot.conf')] };
}

function nsd(): IServer {
  const zones = files.map((file) => `zone:\n  name: ${zoneName(file)}\n  zonefile: ${file}\n`);
  const config = `server:\n  ip-address: 127.0.0.1@5313\n  zonesdir: "${folder}"\n  username: ""
  pidfile: "${folder}/nsd.pid"\n  database: ""\n  zonelistfile: "${folder}/nsd.list"\n  chroot: ""
  xfrdfile: "${folder}/nsd.xfrd"\n  xfrdir: "${folder}"\n  minimal-responses: yes
  rrl-ratelimit: 0\nremote-control:\n  control-enable: no\n`;
  writeFileSync(join(folder, 'nsd.conf'), config + zones.join(''));
  return { name: 'NSD', port: 5313, command: 'nsd', args: ['-d', '-c', join(folder, 'nsd.conf')] };
}

function zoneName(file: string): string {
  return `${basename(file, '.zone')}.test`;
}
