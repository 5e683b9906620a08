import type { IExtendedError } from '../codec/edns.ts';
import type { IRecord } from '../codec/message.ts';
import type { TName } from '../codec/name.ts';
import { recordType } from '../codec/types.ts';
import {
  failure,
  type IAnswer,
  type IAsked,
  type IWork,
  isUsable,
  type TSecurity,
} from './answer.ts';

/** What a validator looks at. */
export interface IToValidate {
  readonly rcode: number;
  readonly answer: readonly IRecord[];
  readonly authority: readonly IRecord[];
}

/** What a validator found. */
export interface IVerdict {
  readonly status: Exclude<TSecurity, 'unchecked'>;
  /** Why it is bogus, or not secure; null: nothing to say. */
  readonly error: IExtendedError | null;
  /** Seconds that the answer may be kept at most, e.g. until a signature expires; may be Infinity. */
  readonly ttlS: number;
}

/** Looks up keys and DS records for a validator, not validated; null: they could not be had. */
export type TKeyLookup = (name: TName, type: number) => Promise<IToValidate | null>;

/** Checks signatures up to a trust anchor: `Validator` of `ts/dns/dnssec` is one. */
export interface IValidator {
  validate(name: TName, type: number, response: IToValidate, lookup: TKeyLookup): Promise<IVerdict>;
  /** Forgets all keys, if it keeps any. */
  clear?(): void;
}

/**
 * Has an answer validated: it is marked and capped, or, when it is bogus, replaced by SERVFAIL that
 * says why. Without a validator, and for who asked with CD, it stays as it is.
 *
 * @param isAlias whether the answer is only the alias at its name: what it leads to comes later.
 */
export async function validated(
  validator: IValidator | null,
  asked: IAsked,
  answer: IAnswer,
  isAlias: boolean,
  work: IWork,
): Promise<IAnswer> {
  if (validator === null || asked.checkingDisabled) return answer;
  const type = isAlias ? recordType.CNAME : asked.type;
  const { status, error, ttlS } = await validator.validate(
    asked.name,
    type,
    answer,
    async (keyName, keyType) => {
      const keys = await work.lookup({ name: keyName, type: keyType, checkingDisabled: true });
      return isUsable(keys) ? keys : null;
    },
  );
  if (status === 'bogus') return failure(error);
  return {
    ...answer,
    answer: capped(answer.answer, ttlS),
    authority: capped(answer.authority, ttlS),
    security: status,
    extendedError: error,
  };
}

function capped(records: readonly IRecord[], ttlSeconds: number): readonly IRecord[] {
  return records.map((record) => ({
    ...record,
    ttl: Math.min(record.ttl, Math.floor(ttlSeconds)),
  }));
}
