import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { IDnsResolverOptions } from '../../../ts_interfaces/index.ts';
import { DcError, type IProblem } from '../../core/errors.ts';
import { canonicalIp } from '../../net/ip.ts';
import { equalNames, formatName, lowerName, rootName } from '../codec/name.ts';
import { recordClass, recordType } from '../codec/types.ts';
import { type ITrustAnchor, trustAnchorsOf } from '../dnssec/trust.ts';
import { addressOf } from '../resolver/address.ts';
import type { rootHints } from '../resolver/root-hints.ts';
import { type IMasterRecord, parse } from '../zone/master-file.ts';

/** Where recursion and validation begin. */
export interface IRootSource {
  /** Undefined: with the servers of the public root. */
  readonly hints: typeof rootHints | undefined;
  /** Undefined: with the keys of the public root. */
  readonly anchors: readonly ITrustAnchor[] | undefined;
}

type TOption = 'rootHints' | 'trustAnchors';
/** Path of a file, or what would stand in it. */
type TGiven = string | readonly string[];

/**
 * Reads the hints and trust anchors of the options, from their files or as they stand there.
 *
 * @param baseFolder folder that files are relative to.
 * @throws DcError `CONFIG_INVALID`
 */
export function readRootSource(
  options: IDnsResolverOptions,
  baseFolder: () => string,
): IRootSource {
  const { rootHints: hints, trustAnchors: anchors } = options;
  return {
    hints: hints === undefined ? undefined : hintsOf(hints, baseFolder),
    anchors: anchors === undefined ? undefined : anchorsOf(anchors, baseFolder),
  };
}

function hintsOf(given: TGiven, baseFolder: () => string): typeof rootHints {
  if (typeof given !== 'string') {
    return given.map((address) => ['.', canonicalIp(address) ?? address] as const);
  }
  const records = recordsOf('rootHints', given, baseFolder);
  const hints = records
    .filter(({ name, type }) => type === recordType.NS && name.length === 1)
    .map(({ rdata }) => [formatName(lowerName(rdata)), ...addressesOf(rdata, records)] as const);
  if (hints.some(([, ...addresses]) => addresses.length > 0)) return hints;
  throw refused('rootHints', given, [
    { message: 'Expected NS records of "." and an address of one of these servers' },
  ]);
}

function addressesOf(server: Buffer, records: readonly IMasterRecord[]): string[] {
  return records
    .filter(({ name, type }) => {
      const isAddress = type === recordType.A || type === recordType.AAAA;
      return isAddress && equalNames(name, server);
    })
    .map(({ rdata }) => addressOf(rdata));
}

function anchorsOf(given: TGiven, baseFolder: () => string): ITrustAnchor[] {
  const records = recordsOf('trustAnchors', given, baseFolder);
  const other = records.find(({ type }) => type !== recordType.DS && type !== recordType.DNSKEY);
  if (other !== undefined) {
    const place = other.line === undefined ? {} : { line: other.line };
    throw refused('trustAnchors', given, [{ message: 'Expected DS or DNSKEY', ...place }]);
  }
  if (records.length === 0) {
    throw refused('trustAnchors', given, [{ message: 'Expected DS or DNSKEY records' }]);
  }
  return trustAnchorsOf(records.map((record) => ({ ...record, class: recordClass.IN })));
}

function recordsOf(name: TOption, given: TGiven, baseFolder: () => string): IMasterRecord[] {
  const isFile = typeof given === 'string';
  const text = isFile ? textOf(name, given, baseFolder) : given.join('\n');
  const { records, problems } = parse(text, {
    origin: rootName,
    fallbackTtl: 0,
    ...(isFile && { fileName: given }),
  });
  if (problems.errorCount > 0) throw refused(name, given, problems.kept);
  return records;
}

function textOf(name: TOption, path: string, baseFolder: () => string): string {
  try {
    return readFileSync(resolve(baseFolder(), path), 'utf8');
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw refused(name, path, [{ message: `Cannot be read: ${error.message}` }]);
  }
}

/** @param problems without places in the options; lines of a list are its items. */
function refused(name: TOption, given: TGiven, problems: readonly Partial<IProblem>[]): DcError {
  const isFile = typeof given === 'string';
  const path = `dns.resolver.${name}`;
  return new DcError('CONFIG_INVALID', `Cannot use "${path}"`, {
    problems: problems.map(({ message = '', line, column }) => {
      const place = {
        ...(line !== undefined && { line }),
        ...(column !== undefined && { column }),
      };
      if (isFile) return { path, message, value: given, file: given, ...place };
      const index = (line ?? 1) - 1;
      return { path: `${path}[${index}]`, message, value: given[index] };
    }),
  });
}
