import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { formatName, parseName } from '../../ts/dns/codec/name.ts';
import { rdataCodec } from '../../ts/dns/codec/rdata.ts';
import { recordType, recordTypeName, recordTypeOf } from '../../ts/dns/codec/types.ts';
import { additionalFor } from '../../ts/dns/zone/additional.ts';
import { checkZone } from '../../ts/dns/zone/check.ts';
import { loadZone } from '../../ts/dns/zone/load-zone.ts';
import { type IAnswer, lookup } from '../../ts/dns/zone/lookup.ts';
import type { IRrset } from '../../ts/dns/zone/owner-data.ts';
import type { Zone } from '../../ts/dns/zone/zone.ts';
import { ZoneProblems } from '../../ts/dns/zone/zone-problem.ts';

/** Where the zones of the tests and the answers to them are. */
export const zonesFolder = join(import.meta.dirname, 'zones');

/** An answer as text: a line for its outcome, then one a record, sorted within its section. */
export type TAnswerText = readonly string[];

/** One record of an answer. */
export interface IAnswerRecord {
  readonly name: Buffer;
  readonly type: number;
  readonly ttl: number;
  readonly rdata: Buffer;
}

/** The sections of an answer. */
export interface IAnswerSections {
  readonly outcome: string;
  readonly answer: readonly IAnswerRecord[];
  readonly authority: readonly IAnswerRecord[];
  readonly additional: readonly IAnswerRecord[];
}

const aliasesMax = 16;

/** What a server with only this zone and minimal answers says, as RFC 1034 §4.3.2 has it. */
export function answerOf(zone: Zone, question: Buffer, type: number): TAnswerText {
  const answer: IRrset[] = [];
  const seen = new Set<string>();
  let name = question;
  for (;;) {
    const result = lookup(zone, name, type);
    // Out of the zone, or around in a circle.
    if (result === undefined || seen.size > aliasesMax) return textOf('NOERROR aa', answer);
    const id = formatName(name).toLowerCase();
    if (seen.has(id)) return textOf('NOERROR aa', answer);
    seen.add(id);
    switch (result.kind) {
      case 'answer':
        return textOf(
          'NOERROR aa',
          [...answer, ...result.rrsets],
          [],
          serverAddresses(zone, result),
        );
      case 'cname':
        answer.push(result.rrset);
        name = result.target;
        break;
      case 'dname': {
        answer.push(result.rrset);
        if (result.target === null) return textOf('YXDOMAIN aa', answer);
        const { ttl } = result.rrset;
        const made = { name, type: recordType.CNAME, class: 1, ttl, rdatas: [result.target] };
        answer.push(made);
        if (type === recordType.CNAME) return textOf('NOERROR aa', answer);
        name = result.target;
        break;
      }
      case 'delegation': {
        const outcome = answer.length > 0 ? 'NOERROR aa' : 'NOERROR';
        const glue = additionalFor(zone, [result.rrset]);
        return textOf(outcome, answer, [result.rrset], glue);
      }
      case 'nodata':
        return textOf('NOERROR aa', answer, [negative(zone)]);
      case 'nxdomain':
        return textOf('NXDOMAIN aa', answer, [negative(zone)]);
    }
  }
}

/** They come with the NS of a zone also where answers are minimal. */
function serverAddresses(zone: Zone, { rrsets }: IAnswer): IRrset[] {
  return additionalFor(
    zone,
    rrsets.filter(({ type }) => type === recordType.NS),
  );
}

/** The SOA with the TTL of RFC 2308 §3. */
function negative(zone: Zone): IRrset {
  const soa = zone.soa();
  const rdata = soa.rdatas[0] as Buffer;
  return { ...soa, ttl: Math.min(soa.ttl, rdata.readUInt32BE(rdata.length - 4)) };
}

function textOf(
  outcome: string,
  answer: readonly IRrset[],
  authority: readonly IRrset[] = [],
  additional: readonly IRrset[] = [],
): TAnswerText {
  return sectionsText({
    outcome,
    answer: answer.flatMap(recordsOf),
    authority: authority.flatMap(recordsOf),
    additional: additional.flatMap(recordsOf),
  });
}

function recordsOf({ name, type, ttl, rdatas }: IRrset): IAnswerRecord[] {
  return rdatas.map((rdata) => ({ name, type, ttl, rdata }));
}

/** Answers are compared by this text: owners in lower case, data as it is. */
export function sectionsText(sections: IAnswerSections): TAnswerText {
  const lines = (mark: string, records: readonly IAnswerRecord[]): string[] =>
    [...new Set(records.map((record) => `${mark} ${recordText(record)}`))].sort();
  return [
    sections.outcome,
    ...lines('an', sections.answer),
    ...lines('au', sections.authority),
    ...lines('ad', sections.additional),
  ];
}

function recordText({ name, type, ttl, rdata }: IAnswerRecord): string {
  const owner = formatName(name).toLowerCase();
  return `${owner} ${ttl} ${recordTypeName(type)} ${rdataCodec(type).format(rdata).toLowerCase()}`;
}

/** A question with the answer on which all servers agree. */
export interface IAgreedAnswer {
  readonly name: string;
  readonly type: string;
  readonly answer: TAnswerText;
}

/** `example.zone` is the zone `example.test.` */
export function apexOf(file: string): Buffer {
  return parseName(`${basename(file, '.zone')}.test.`);
}

/** A zone of the folder. */
export function readZone(file: string): Zone {
  const { zone, problems } = loadZone(readFileSync(join(zonesFolder, file)), {
    origin: apexOf(file),
    fileName: file,
  });
  if (zone === null) throw new Error(`${file}: ${JSON.stringify(problems.kept)}`);
  return zone;
}

/** Reads what `formatAnswers` wrote. */
export function parseAnswers(text: string): IAgreedAnswer[] {
  return text
    .split('\n\n')
    .filter((block) => block.trim() !== '' && !block.startsWith(';'))
    .map((block) => {
      const [question, ...answer] = block.trim().split('\n');
      const [name, type] = (question as string).split(' ') as [string, string];
      return { name, type, answer };
    });
}

/** A block for each question: the question, the outcome, the records. */
export function formatAnswers(head: string, answers: readonly IAgreedAnswer[]): string {
  const blocks = answers.map(({ name, type, answer }) => [`${name} ${type}`, ...answer].join('\n'));
  return `${[`; ${head}`, ...blocks].join('\n\n')}\n`;
}

/** Our answer to such a question. */
export function ourAnswer(zone: Zone, { name, type }: Omit<IAgreedAnswer, 'answer'>): TAnswerText {
  return answerOf(zone, parseName(name), recordTypeOf(type) as number);
}

/** Loads and checks a zone of the folder `bad`: a line for each problem. */
export function problemsText(file: string): string {
  const text = readFileSync(join(zonesFolder, 'bad', file));
  const load = loadZone(text, { origin: apexOf(file), fileName: file });
  if (load.zone !== null) checkZone(load.zone, load);
  return load.problems.kept.map((problem) => `${ZoneProblems.format(problem)}\n`).join('');
}
