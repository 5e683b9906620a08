import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import {
  algorithmByName,
  algorithmOf,
  generatePrivateKey,
  type IAlgorithm,
  publicKeyData,
  signBytes,
  verifyBytes,
} from './algorithm.ts';
import { bindPrivateText, KeyFormatError, parseBindPrivate } from './bind-key.ts';
import { dnskeyRdata, dsRdata, entryPointFlags, keyTag, type TDsDigest } from './dnskey.ts';

export { KeyFormatError } from './bind-key.ts';

/** What about a key may be shown to anybody. */
export interface IKeyInfo {
  readonly tag: number;
  /** 257 for a key that the parent's DS points to, 256 for others. */
  readonly flags: number;
  /** IANA's number. */
  readonly algorithm: number;
  /** IANA's mnemonic. */
  readonly algorithmName: string;
}

/**
 * A key that signs.
 *
 * The private key does not leave it but by the two `export…` methods; JSON, logs and errors see
 * `IKeyInfo`.
 */
export class DnssecKey {
  readonly flags: number;
  readonly tag: number;
  /** Rdata of the DNSKEY (and CDNSKEY) record. */
  readonly rdata: Buffer;
  private readonly entry: IAlgorithm;
  readonly #privateKey: KeyObject;

  private constructor(entry: IAlgorithm, privateKey: KeyObject, flags: number) {
    this.entry = entry;
    this.#privateKey = privateKey;
    this.flags = flags;
    this.rdata = dnskeyRdata(
      flags,
      entry.number,
      publicKeyData(entry, createPublicKey(privateKey)),
    );
    this.tag = keyTag(this.rdata);
  }

  /**
   * Makes a new key.
   *
   * @param algorithm IANA's number: 13 (ECDSA P-256) and 15 (Ed25519) are for zones; 8, 10, 14, 16
   *   work too.
   * @param flags 257 for a KSK or CSK, 256 for a ZSK.
   * @throws KeyFormatError when the algorithm is not supported.
   */
  static generate(algorithm: number, flags: number = entryPointFlags): DnssecKey {
    const entry = algorithmOf(algorithm);
    if (entry === undefined) throw new KeyFormatError(`Algorithm ${algorithm} is not supported`);
    return new DnssecKey(entry, generatePrivateKey(entry), flags);
  }

  /**
   * Reads BIND's `K….private` file. It has no flags: they stand in the `.key` file beside it.
   *
   * @throws KeyFormatError
   */
  static fromBind(text: string, flags: number = entryPointFlags): DnssecKey {
    const { entry, privateKey } = parseBindPrivate(text);
    return DnssecKey.tried(entry, privateKey, flags);
  }

  /**
   * Reads PKCS8 in PEM.
   *
   * @param algorithm IANA's mnemonic or number: an RSA key does not say whether it is for 8 or 10.
   * @param passphrase when the PEM is encrypted.
   * @throws KeyFormatError
   */
  static fromPem(
    pem: string,
    algorithm: string | number,
    flags: number = entryPointFlags,
    passphrase?: string,
  ): DnssecKey {
    const entry =
      typeof algorithm === 'number' ? algorithmOf(algorithm) : algorithmByName(algorithm);
    if (entry === undefined) throw new KeyFormatError(`Algorithm "${algorithm}" is not supported`);
    try {
      return DnssecKey.tried(entry, createPrivateKey({ key: pem, passphrase }), flags);
    } catch {
      // Without the cause: what OpenSSL or Node say may quote the input.
      throw new KeyFormatError(`The PEM is no key of algorithm ${entry.name}, or is encrypted`);
    }
  }

  /** A key that was read: its parts may not belong together, which only signing shows. */
  private static tried(entry: IAlgorithm, privateKey: KeyObject, flags: number): DnssecKey {
    const key = new DnssecKey(entry, privateKey, flags);
    if (key.works()) return key;
    throw new KeyFormatError(`The private key is no key of algorithm ${entry.name}`);
  }

  private works(): boolean {
    const probe = Buffer.from('probe');
    try {
      const publicKey = createPublicKey(this.#privateKey);
      return verifyBytes(this.entry, publicKey, probe, this.sign(probe));
    } catch {
      // OpenSSL refuses to compute with it.
      return false;
    }
  }

  /** IANA's number. */
  get algorithm(): number {
    return this.entry.number;
  }

  /** Whether the parent's DS points (or is to point) to it. */
  get isEntryPoint(): boolean {
    return (this.flags & 1) === 1;
  }

  /** What may be shown. */
  get info(): IKeyInfo {
    const { tag, flags } = this;
    return { tag, flags, algorithm: this.entry.number, algorithmName: this.entry.name };
  }

  /** Rdata of its DS (and CDS) record in the parent. */
  ds(zone: Buffer, digestType: TDsDigest = 2): Buffer {
    return dsRdata(zone, this.rdata, digestType);
  }

  /** The signature field of an RRSIG over the data. */
  sign(data: Buffer): Buffer {
    return signBytes(this.entry, this.#privateKey, data);
  }

  /** BIND's `K….private` file. Secret. */
  exportBind(): string {
    return bindPrivateText(this.entry, this.#privateKey);
  }

  /** PKCS8 in PEM, encrypted (AES-256) when a passphrase is given. Secret. */
  exportPem(passphrase?: string): string {
    const lock = passphrase === undefined ? {} : { cipher: 'aes-256-cbc', passphrase };
    return String(this.#privateKey.export({ type: 'pkcs8', format: 'pem', ...lock }));
  }

  /** What JSON sees of it. */
  toJSON(): IKeyInfo {
    return this.info;
  }
}
