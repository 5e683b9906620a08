import type { IRecord } from '../codec/message.ts';
import { equalNames, type TName } from '../codec/name.ts';
import { type IAnswer, type IAsked, type IWork, isUsable, weaker } from './answer.ts';

/**
 * Looks up what an alias leads to, and puts it behind the alias. A target that fails, or leads back,
 * is a failure of the whole.
 */
export async function follow(
  asked: IAsked,
  own: IAnswer,
  target: TName,
  work: IWork,
): Promise<IAnswer> {
  const rest = await work.lookup({ ...asked, name: target });
  if (!isUsable(rest)) return rest;
  return {
    rcode: rest.rcode,
    answer: [...own.answer, ...rest.answer],
    authority: [
      ...own.authority.filter((record) => !isIn(rest.authority, record)),
      ...rest.authority,
    ],
    security: weaker(own.security, rest.security),
    extendedError: rest.extendedError ?? own.extendedError,
  };
}

/** The same proof may hold for an alias and for where it leads. */
function isIn(records: readonly IRecord[], { name, type, rdata }: IRecord): boolean {
  return records.some((record) => {
    return record.type === type && equalNames(record.name, name) && record.rdata.equals(rdata);
  });
}
