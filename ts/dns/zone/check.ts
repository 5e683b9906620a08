import { formatName, isWildcard, nameEnd } from '../codec/name.ts';
import { soaNumbers } from '../codec/soa.ts';
import { recordType, recordTypeName } from '../codec/types.ts';
import { hasApexTwice, hasBadOwner } from './check-names.ts';
import { checkTargets } from './check-targets.ts';
import { ZoneNode } from './owner-data.ts';
import { isBelow, labelEnd } from './owner-key.ts';
import { compareSerials } from './serial.ts';
import { runSteps, runStepsGently } from './steps.ts';
import type { Zone } from './zone.ts';
import type { TRecordPlaces } from './zone-builder.ts';
import { type TSeverity, ZoneProblems } from './zone-problem.ts';

/** What a check may know besides the zone. */
export interface ICheckOptions {
  /** Where the records were read: `IZoneLoad.placeOf`. @default problems have no lines */
  readonly placeOf?: TRecordPlaces;
  /** The version that is served now, which the serial must be above. @default none */
  readonly previous?: Zone;
  /** Gets what is found. @default new ones */
  readonly problems?: ZoneProblems;
}

/** Takes a problem of the records of an owner and type. */
export type TReport = (
  severity: TSeverity,
  key: string,
  name: Buffer,
  type: number,
  message: string,
) => void;

/**
 * Finds in a whole zone what named-checkzone, kzonecheck and nsd-checkzone find, beyond what
 * already kept the zone from being made: name servers and glue without addresses, aliases where
 * none may be, data that is never answered, odd wildcards, names, times. Errors are what at least
 * one of those servers refuses to serve and no other answers in a way to rely on.
 */
export function checkZone(zone: Zone, options: ICheckOptions = {}): ZoneProblems {
  return runSteps(checkInSteps(zone, options));
}

/** The same for big zones in a busy process: pauses every few milliseconds. */
export function checkZoneGently(zone: Zone, options: ICheckOptions = {}): Promise<ZoneProblems> {
  return runStepsGently(checkInSteps(zone, options));
}

/** Between two pauses as many owners are checked. */
const ownersPerStep = 500;

/** Types that mean something at a delegation; addresses may be its own glue. */
const typesAtCut: ReadonlySet<number> = new Set([
  recordType.NS,
  recordType.DS,
  recordType.RRSIG,
  recordType.NSEC,
  recordType.A,
  recordType.AAAA,
]);

const addressTypes: ReadonlySet<number> = new Set([recordType.A, recordType.AAAA]);

/** The topmost delegation or DNAME that the walk is at or below. */
interface IHiding {
  readonly key: string;
  readonly name: Buffer;
  readonly kind: 'delegation' | 'dname';
}

function* checkInSteps(zone: Zone, options: ICheckOptions): Generator<void, ZoneProblems> {
  const problems = options.problems ?? new ZoneProblems();
  const report: TReport = (severity, key, name, type, message) => {
    problems.add(severity, () => {
      const path = `${formatName(name)} ${recordTypeName(type)}`;
      return { path, message, ...options.placeOf?.(key, type) };
    });
  };
  checkSoa(zone, options.previous, report);
  const servers = yield* serverNames(zone);
  let hiding: IHiding | undefined;
  let count = 0;
  for (const { key } of zone.tree.entries()) {
    if (++count % ownersPerStep === 0) yield;
    const node = zone.nodeOf(key) as ZoneNode;
    if (hiding !== undefined && isBelow(key, hiding.key)) {
      // The chain of hashes of a signed zone lies below its apex, whatever stands there: RFC 5155 §3.
      if (node.has(recordType.NSEC3)) continue;
      checkHidden(key, node, hiding, servers, report);
      continue;
    }
    checkNode(zone, key, node, report);
    hiding = hidingAt(key, node);
    for (const rrset of node.rrsets()) {
      checkTargets(zone, key, rrset, report);
    }
  }
  return problems;
}

function hidingAt(key: string, node: ZoneNode): IHiding | undefined {
  if (key !== '' && node.has(recordType.NS)) return { key, name: node.name, kind: 'delegation' };
  if (node.has(recordType.DNAME)) return { key, name: node.name, kind: 'dname' };
  return undefined;
}

/** The keys of all name servers that the zone names: addresses below a cut may be for them. */
function* serverNames(zone: Zone): Generator<void, Set<string>> {
  const keys = new Set<string>();
  let count = 0;
  for (const { bytes, start, end } of zone.tree.entries()) {
    if (++count % ownersPerStep === 0) yield;
    const node = new ZoneNode(zone.apex, bytes, start, end);
    for (const target of node.rrset(recordType.NS)?.rdatas ?? []) {
      const key = zone.keyOf(target);
      if (key !== undefined) keys.add(key);
    }
  }
  return keys;
}

/** Below a delegation only addresses of name servers are of use, below a DNAME nothing is. */
function checkHidden(
  key: string,
  node: ZoneNode,
  hiding: IHiding,
  servers: ReadonlySet<string>,
  report: TReport,
): void {
  const above = formatName(hiding.name);
  for (const type of node.types()) {
    if (hiding.kind === 'dname') {
      const message = `Nothing may be below the DNAME of ${above} (RFC 6672 §2.4)`;
      report('error', key, node.name, type, message);
    } else if (!addressTypes.has(type) || !servers.has(key)) {
      const message = `Is below the delegation of ${above} and never answered`;
      report('warning', key, node.name, type, message);
    }
  }
}

function checkNode(zone: Zone, key: string, node: ZoneNode, report: TReport): void {
  const types = node.types();
  for (const type of types) {
    if (!hasBadOwner(node.name, type)) continue;
    const message = 'Such a record should be at a host name: letters, digits and hyphens';
    report('warning', key, node.name, type, message);
  }
  if (hasApexTwice(node.name, zone.apex)) {
    const message = 'The name ends with the name of the zone twice: a dot may be missing';
    report('warning', key, node.name, types[0] as number, message);
  }
  if (key !== '' && types.includes(recordType.NS)) checkCut(key, node, types, report);
  else checkDs(key, node, types, report);
  checkWildcard(key, node, types, report);
  checkSpf(key, node, report);
}

function checkCut(key: string, node: ZoneNode, types: readonly number[], report: TReport): void {
  for (const type of types) {
    if (type === recordType.DNAME) {
      const message = 'A delegation is here: the DNAME is never answered (RFC 6672 §2.3)';
      report('warning', key, node.name, type, message);
    } else if (!typesAtCut.has(type)) {
      const message = 'The name is delegated: the record is never answered';
      report('warning', key, node.name, type, message);
    }
  }
}

function checkDs(key: string, node: ZoneNode, types: readonly number[], report: TReport): void {
  if (!types.includes(recordType.DS)) return;
  if (key === '') {
    const message = 'The DS of a zone belongs into its parent (RFC 4034 §5)';
    report('error', key, node.name, recordType.DS, message);
  } else {
    const message = 'A DS has a meaning only beside NS records (RFC 4034 §5)';
    report('warning', key, node.name, recordType.DS, message);
  }
}

function checkWildcard(
  key: string,
  node: ZoneNode,
  types: readonly number[],
  report: TReport,
): void {
  const labels = key.split(labelEnd);
  if (labels.slice(0, -1).includes('*')) {
    const message = 'A "*" that is not the first label is no wildcard (RFC 4592 §2.1.1)';
    report('warning', key, node.name, types[0] as number, message);
  }
  if (!isWildcard(node.name)) return;
  for (const type of [recordType.NS, recordType.DNAME, recordType.DS]) {
    if (!types.includes(type)) continue;
    const message = 'Servers do not agree on what this means at a wildcard (RFC 4592 §4)';
    report('warning', key, node.name, type, message);
  }
}

/** The type of its own was given up: who looks for SPF asks for TXT (RFC 7208 §3.1). */
function checkSpf(key: string, node: ZoneNode, report: TReport): void {
  if (!node.has(recordType.SPF)) return;
  const texts = node.rrset(recordType.TXT)?.rdatas ?? [];
  if (texts.some((text) => text.toString('latin1', 1, 7).toLowerCase() === 'v=spf1')) return;
  const message = 'Nobody asks for SPF records any more: the same text is missing as TXT';
  report('warning', key, node.name, recordType.SPF, message);
}

/** Sane times: RFC 1912 §2.2, RFC 2308 §5. */
function checkSoa(zone: Zone, previous: Zone | undefined, report: TReport): void {
  const rdata = zone.soa().rdatas[0] as Buffer;
  const { serial, refreshS, retryS, expireS, minimumS } = soaNumbers(rdata);
  const warn = (message: string): void => {
    report('warning', '', zone.apex, recordType.SOA, message);
  };
  if (serial === 0) warn('Some secondaries take the serial 0 for none');
  const mailbox = formatName(rdata.subarray(nameEnd(rdata, 0), -20));
  if (mailbox.includes('@')) warn(`Write a dot for the "@" of the mail address "${mailbox}"`);
  if (previous !== undefined && compareSerials(previous.serial, serial) !== -1) {
    const same = serial === previous.serial && zone.differences(previous).next().done === true;
    if (!same)
      warn(`The serial ${serial} is not above ${previous.serial}: secondaries keep the old`);
  }
  if (expireS <= refreshS + retryS) {
    warn(`Secondaries give the zone up after ${expireS} s, before they have tried again`);
  }
  if (retryS >= refreshS) {
    warn(`The retry of ${retryS} s should be below the refresh of ${refreshS} s`);
  }
  if (minimumS > 86_400) warn(`That a name does not exist is remembered for ${minimumS} s`);
}
