import { PresignedSigner } from '../answer/presigned.ts';
import type { IAnswerSigner } from '../answer/signer.ts';
import { type IRrsetChange, withSerial, type Zone } from '../zone/zone.ts';
import { dynamicDigest } from './content-digest.ts';
import type { HostedZone } from './hosted-zone.ts';
import { servedSerial } from './served-serial.ts';
import type { IExpanded, IExpansion, IZoneIdentity, IZoneSigning } from './stages.ts';
import type { IServedVersion } from './types.ts';
import { isPresigned } from './zone-base.ts';
import type { ISource } from './zone-content.ts';

/** A version that may be served, once its serial is in the store. */
export interface ICandidate {
  /** With the serial that clients see, but for secondaries. */
  readonly source: ISource;
  readonly served: IServedVersion;
  readonly serial: number;
  /** Of what expansion and signing add. */
  readonly dynamic: string;
  /** Of the expansion. */
  readonly warnings: readonly string[];
}

/** What a version is made of. */
export interface IVersionParts {
  readonly identity: IZoneIdentity;
  readonly source: ISource;
  readonly expansion: IExpansion;
  readonly signing: IZoneSigning | null;
  /** What is in the source is not what it was when the serial rose last. */
  readonly isChanged: boolean;
  /** That somebody wrote into the SOA of the base, or of a change; null: nobody did. */
  readonly ownSerial: number | null;
  readonly nowMs: number;
}

const nothing: IExpanded = { changes: [], draws: [], warnings: [] };

/**
 * Expands and signs a content, and finds its serial, which counts as given away from now on.
 *
 * @throws DcError when expansion or signing gave what a zone cannot hold.
 */
export function makeVersion(zone: HostedZone, parts: IVersionParts): ICandidate {
  const { identity, source, expansion, signing } = parts;
  const { dynamics } = source;
  const expanded = dynamics.isEmpty ? nothing : expansion.expand(identity, source.zone, dynamics);
  const flat = source.zone.replace(expanded.changes, { serial: 'keep' });
  const signed = signing === null ? flat : signing.signer.prepare(flat);
  const apex = signed.nodeOf('')?.rrsets() ?? [];
  const digest = dynamicDigest(
    expanded.changes,
    signing === null ? null : { stamp: signing.stamp, apex },
  );
  // What is not known yet counts as it was: a restart that changes nothing keeps the serial.
  const isProvisional =
    expanded.isPending === true && !parts.isChanged && zone.saved.serial !== null;
  const dynamic = isProvisional ? zone.saved.dynamic : digest;
  const serial = serialFor(zone, parts, dynamic);
  zone.reserve(serial);
  const served = zoneWithSerial(signed, serial);
  const isSame = signed === source.zone;
  const ours = isSame ? served : zoneWithSerial(source.zone, serial);
  return {
    source: zone.isSecondary ? source : { zone: ours, dynamics },
    served: {
      zone: served,
      signer: signing?.signer ?? presigned(zone, served),
      draws: expanded.draws,
      isProvisional,
    },
    serial,
    dynamic,
    warnings: expanded.warnings,
  };
}

function presigned(zone: HostedZone, served: Zone): IAnswerSigner | null {
  return PresignedSigner.of(served, zone.served?.signer ?? null);
}

function serialFor(zone: HostedZone, parts: IVersionParts, dynamic: string): number {
  const { identity, source, signing, isChanged, ownSerial, nowMs } = parts;
  const own = source.zone.serial;
  // What a primary has signed, or numbered, is passed on as it is.
  const isForeign = zone.isSecondary && signing === null && dynamic === '';
  if (isForeign || (signing === null && isPresigned(source.zone))) {
    return ownSerial ?? own;
  }
  return servedSerial({
    last: zone.saved.serial,
    highest: zone.highest,
    own: ownSerial,
    isChanged: isChanged || dynamic !== zone.saved.dynamic,
    policy: identity.options.serial ?? 'increment',
    nowMs,
  });
}

/** The same zone with another serial; the same object when it has it. */
export function zoneWithSerial(zone: Zone, serial: number): Zone {
  if (zone.serial === serial) return zone;
  const soa: IRrsetChange = withSerial(zone.soa(), serial);
  return zone.replace([soa], { serial: 'keep' });
}
