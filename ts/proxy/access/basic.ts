import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import type { IAuth, IAuthRequest, IAuthVerdict } from '../../../ts_interfaces/index.ts';
import { ALLOWED, BUSY, challenge, type IAccess, quoted, UNAVAILABLE } from './access.ts';
import type { PasswordVerifier, TPasswordVerdict } from './password-verifier.ts';

const BASIC = /^basic +([a-z0-9+/]+={0,2}) *$/i;

/** What a client sent by basic authentication. */
export interface IBasicCredentials {
  name: string;
  password: string;
}

/**
 * Basic authentication against scrypt hashes. A name that does not exist takes as long as one that
 * does, so names cannot be found out by the clock.
 *
 * @see RFC 7617
 */
export class BasicAccess implements IAccess {
  private readonly hashes: ReadonlyMap<string, string>;
  private readonly decoys: readonly string[];
  private readonly verifier: PasswordVerifier;
  private readonly refusal: IAuthVerdict;

  constructor(auth: Extract<IAuth, { type: 'basic' }>, verifier: PasswordVerifier) {
    this.hashes = new Map(auth.users.map((user) => [normalName(user.name), user.passwordHash]));
    this.decoys = [...this.hashes.values()];
    this.verifier = verifier;
    this.refusal = challenge(`Basic realm=${quoted(auth.realm ?? 'restricted')}, charset="UTF-8"`);
  }

  check(
    _request: IAuthRequest,
    authorization: string | undefined,
  ): IAuthVerdict | Promise<IAuthVerdict> {
    if (authorization === undefined) return this.refusal;
    const credentials = parseBasic(authorization);
    if (credentials === undefined) return this.refusal;

    const hash = this.hashes.get(credentials.name);
    const verdict = this.verifier.check(credentials.password, hash ?? this.decoyFor(credentials));
    const isKnown = hash !== undefined;
    if (typeof verdict === 'string') return this.answer(verdict, isKnown);
    return verdict.then(
      (done) => this.answer(done, isKnown),
      () => UNAVAILABLE,
    );
  }

  private answer(verdict: TPasswordVerdict, isKnown: boolean): IAuthVerdict {
    if (verdict === 'busy') return BUSY;
    return verdict === 'right' && isKnown ? ALLOWED : this.refusal;
  }

  /** Always the same one for a name: a name whose cost changes would be an unknown one. */
  private decoyFor({ name }: IBasicCredentials): string {
    const number = createHash('sha256').update(name).digest().readUInt32BE();
    return this.decoys[number % this.decoys.length] ?? '';
  }
}

/**
 * Name and password; undefined when the value is malformed (RFC 7617 §2: no colon, control
 * characters).
 */
export function parseBasic(authorization: string): IBasicCredentials | undefined {
  const encoded = BASIC.exec(authorization)?.[1];
  if (encoded === undefined) return undefined;
  const bytes = Buffer.from(encoded, 'base64');
  if (!isUtf8(bytes)) return undefined;
  const text = bytes.toString();
  const colon = text.indexOf(':');
  if (colon === -1 || /\p{Cc}/u.test(text)) return undefined;
  return { name: normalName(text.slice(0, colon)), password: text.slice(colon + 1) };
}

function normalName(name: string): string {
  return name.normalize('NFC');
}
