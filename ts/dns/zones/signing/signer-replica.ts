import { type IClock, systemClock } from '../../../core/clock.ts';
import {
  DnssecKey,
  type ISignerOptions,
  type ISigningKeys,
  ZoneSigner,
} from '../../dnssec/index.ts';

/** One key as it goes to a thread. Secret. */
export interface IKeyCopy {
  /** PKCS8. */
  readonly pem: string;
  readonly algorithm: number;
  readonly flags: number;
}

/**
 * All of a signer but its signatures, as data that can be sent to a thread of this process. It holds
 * private keys: it must not be logged, stored or sent anywhere else.
 */
export interface ISignerCopy {
  readonly apex: Uint8Array;
  readonly options: ISignerOptions;
  readonly keys: readonly IKeyCopy[];
  /** Places in `keys`. */
  readonly published: readonly number[];
  readonly zone: readonly number[];
  readonly entry: readonly number[];
  readonly cds: readonly Uint8Array[];
  readonly cdnskey: readonly Uint8Array[];
  readonly dnskeyTtlS: number;
  /** Of the signer: when it has risen, a new copy is needed. */
  readonly revision: number;
}

/** What a thread needs to sign as this signer does. */
export function copySigner(signer: ZoneSigner): ISignerCopy {
  const { published, zone, entry, cds, cdnskey, dnskeyTtlS } = signer.signingKeys;
  const all = [...new Set([...published, ...zone, ...entry])];
  const places = (keys: readonly DnssecKey[]) => keys.map((key) => all.indexOf(key));
  return {
    apex: signer.apex,
    options: signer.options,
    keys: all.map((key) => ({ pem: key.exportPem(), algorithm: key.algorithm, flags: key.flags })),
    published: places(published),
    zone: places(zone),
    entry: places(entry),
    cds,
    cdnskey,
    dnskeyTtlS,
    revision: signer.revision,
  };
}

/** A signer of its own that signs with the same keys; it makes its signatures itself. */
export function signerOf(copy: ISignerCopy, clock: IClock = systemClock): ZoneSigner {
  return new ZoneSigner(Buffer.from(copy.apex), signingKeysOf(copy), copy.options, clock);
}

/** The keys of a copy, e.g. for `ZoneSigner.setKeys` of an older replica. */
export function signingKeysOf(copy: ISignerCopy): ISigningKeys {
  const keys = copy.keys.map(({ pem, algorithm, flags }) =>
    DnssecKey.fromPem(pem, algorithm, flags),
  );
  const keysAt = (places: readonly number[]) => places.map((place) => keys[place] as DnssecKey);
  return {
    published: keysAt(copy.published),
    zone: keysAt(copy.zone),
    entry: keysAt(copy.entry),
    cds: copy.cds.map((rdata) => Buffer.from(rdata)),
    cdnskey: copy.cdnskey.map((rdata) => Buffer.from(rdata)),
    dnskeyTtlS: copy.dnskeyTtlS,
  };
}
