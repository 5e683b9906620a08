import { DcError } from '../../core/errors.ts';
import type { EventBus } from '../../core/event-bus.ts';
import type { ILogger } from '../../core/logger.ts';
import { extendedError, type IExtendedError } from '../codec/edns.ts';
import type { IMessage } from '../codec/message.ts';
import { rcode, recordClass, recordType } from '../codec/types.ts';
import type { Zone } from '../zone/zone.ts';
import type { IHostedZone, IRecordSetChange, IZoneBook } from '../zones/types.ts';
import { checkPrerequisites } from './prerequisites.ts';
import type { IUpdateGrant, UpdatePolicy } from './update-policy.ts';
import { applyUpdates, scanUpdates } from './update-records.ts';
import { ZoneDraft } from './zone-draft.ts';

/** Who sent an update. */
export interface IUpdateClient {
  /** IP address. */
  readonly address: string;
  /** Of the key that its message was verified with; null: it was not signed. */
  readonly keyName: string | null;
}

/** What comes of an update. */
export interface IUpdateOutcome {
  readonly rcode: number;
  /** Why, beyond the rcode; null: nothing to add. */
  readonly reason: IExtendedError | null;
}

/** What updates are made with. */
export interface IUpdateParts {
  readonly book: IZoneBook;
  /** View of the clients; null: none. */
  readonly view: string | null;
  /** Who may change which records of a zone. */
  readonly policyOf: (zone: IHostedZone) => UpdatePolicy;
  readonly bus: EventBus;
  readonly logger: ILogger;
}

/** Leaves the edit of a zone; goes no further than this file. */
class Refusal extends Error {
  readonly outcome: IUpdateOutcome;

  constructor(code: number, reason: IExtendedError | null = null) {
    super(`The update is answered with rcode ${code}`);
    this.outcome = { rcode: code, reason };
  }
}

const notOurs: IExtendedError = { code: extendedError.NOT_AUTHORITATIVE, text: '' };
const secondary: IExtendedError = {
  code: extendedError.NOT_AUTHORITATIVE,
  text: 'A secondary does not take updates',
};
const prohibited: IExtendedError = { code: extendedError.PROHIBITED, text: '' };

/**
 * Changes zones as RFC 2136 says: all records of an update, or none.
 *
 * Whoever no rule is for is refused before anything of the zone is looked at (§3.3 allows that), so
 * that prerequisites tell strangers nothing. The change is stored before it is answered. Updates
 * that reach a secondary are not passed on (§6).
 */
export class UpdateHandler {
  private readonly parts: IUpdateParts;

  constructor(parts: IUpdateParts) {
    this.parts = parts;
  }

  /** Makes the change; never rejects. @param query of opcode UPDATE, verified when signed. */
  async update(query: IMessage, client: IUpdateClient): Promise<IUpdateOutcome> {
    const outcome = await this.outcomeOf(query, client);
    if (outcome.rcode !== rcode.NOERROR) {
      const { address, keyName } = client;
      const data = { rcode: outcome.rcode, clientIp: address, keyName };
      this.parts.logger.debug('dns.updateRefused', 'An update of a zone was not made', data);
    }
    return outcome;
  }

  private async outcomeOf(query: IMessage, client: IUpdateClient): Promise<IUpdateOutcome> {
    const { book, view, policyOf } = this.parts;
    const [section] = query.question;
    if (section?.type !== recordType.SOA) return { rcode: rcode.FORMERR, reason: null };
    const isInternet = section.class === recordClass.IN;
    const zone = isInternet ? book.find(section.name, view) : undefined;
    if (zone === undefined) return { rcode: rcode.NOTAUTH, reason: notOurs };
    if (zone.isSecondary) return { rcode: rcode.NOTAUTH, reason: secondary };
    const grant = policyOf(zone).grantFor(client.address, client.keyName);
    if (grant === null) return { rcode: rcode.REFUSED, reason: prohibited };
    try {
      return await this.change(zone, query, grant, client);
    } catch (error) {
      if (error instanceof Refusal) return error.outcome;
      return this.failure(zone, error);
    }
  }

  private async change(
    zone: IHostedZone,
    query: IMessage,
    grant: IUpdateGrant,
    { address, keyName }: IUpdateClient,
  ): Promise<IUpdateOutcome> {
    const { book, bus, logger } = this.parts;
    let changes: readonly IRecordSetChange[] = [];
    const serial = await book.change(zone.id, 'update', (source) => {
      changes = editOf(source, book.get(zone.id)?.served?.zone, query, grant);
      return changes;
    });
    if (changes.length > 0) {
      const event = { zone: zone.id, serial, recordSets: changes.length, clientIp: address };
      logger.info('dns.updated', 'A zone was changed by an update', { ...event, keyName });
      bus.emit('dns.updated', { ...event, keyName });
    }
    return { rcode: rcode.NOERROR, reason: null };
  }

  private failure({ id }: IHostedZone, error: unknown): IUpdateOutcome {
    const code = error instanceof DcError ? error.code : undefined;
    if (code === 'ZONE_UNKNOWN') return { rcode: rcode.NOTAUTH, reason: notOurs };
    if (code === 'NOT_RUNNING') {
      const text = 'Another process is taking over';
      return { rcode: rcode.SERVFAIL, reason: { code: extendedError.NOT_READY, text } };
    }
    if (code === 'ZONE_INVALID' || code === 'CONFIG_INVALID') {
      const text = 'The zone would be invalid';
      return { rcode: rcode.REFUSED, reason: { code: extendedError.INVALID_DATA, text } };
    }
    this.parts.logger.error('dns.updateFailed', 'An update of a zone failed', { zone: id, error });
    return { rcode: rcode.SERVFAIL, reason: null };
  }
}

/** @throws Refusal when it must not be. */
function editOf(
  source: Zone,
  served: Zone | undefined,
  query: IMessage,
  grant: IUpdateGrant,
): IRecordSetChange[] {
  const draft = new ZoneDraft(source, (served ?? source).soa());
  const missing = checkPrerequisites(draft, query.answer);
  if (missing !== rcode.NOERROR) throw new Refusal(missing);
  const fault = scanUpdates(draft, query.authority, grant);
  if (fault !== rcode.NOERROR) {
    throw new Refusal(fault, fault === rcode.REFUSED ? prohibited : null);
  }
  applyUpdates(draft, query.authority);
  return draft.finish();
}
