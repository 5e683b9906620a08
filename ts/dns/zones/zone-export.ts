import { Slices } from '../../core/slices.ts';
import { formatName } from '../codec/name.ts';
import { recordTypeName } from '../codec/types.ts';
import { ZoneSigner } from '../dnssec/zone-signer.ts';
import { formatInParts, formatRrset } from '../zone/master-writer.ts';
import type { Zone } from '../zone/zone.ts';
import type { HostedZone } from './hosted-zone.ts';

/** Characters that come at once, at least. */
const partLength = 65_536;

/**
 * A zone as a master file, in pieces with pauses between them. It is the version of the moment of
 * the call, whatever changes meanwhile.
 */
export function exportZone(zone: HostedZone, source: 'source' | 'served'): AsyncIterable<string> {
  const { served } = zone;
  if (source === 'source' || served === null) {
    return gently(zone.source === null ? [] : sourceParts(zone.source, zone));
  }
  const { signer } = served;
  if (signer instanceof ZoneSigner) return gently(signedParts(signer, served.zone));
  return gently(formatInParts(served.zone));
}

/** Records by health have no form in a master file: they are comments, for whoever reads it. */
function* sourceParts(source: Zone, { dynamics }: HostedZone): Generator<string, void> {
  yield* formatInParts(source);
  for (const { name, type, ttl, health } of dynamics.health) {
    const what = JSON.stringify(health).replace(/[\r\n\u2028\u2029]/g, ' ');
    yield `; ${formatName(name)}\t${ttl}\tIN\t${recordTypeName(type)}\tby health: ${what}\n`;
  }
}

function* signedParts(signer: ZoneSigner, zone: Zone): Generator<string, void> {
  let part = `$ORIGIN ${formatName(zone.apex)}\n`;
  for (const rrset of signer.transfer(zone)) {
    part += formatRrset(rrset);
    if (part.length < partLength) {
      yield '';
      continue;
    }
    yield part;
    part = '';
  }
  yield part;
}

async function* gently(parts: Iterable<string>): AsyncGenerator<string, void> {
  const slices = new Slices();
  for (const part of parts) {
    if (part !== '') yield part;
    if (slices.isOver) await slices.rest();
  }
}
