import type { IDnssecOptions, IZoneDnssecInfo } from '../../ts_interfaces/index.ts';
import { dnssecOf } from '../dns/zones/signing/signing-options.ts';
import { ApiError } from './api-error.ts';
import { checkPrecondition, entityTag, type IPrecondition } from './entity-tag.ts';
import { notAnObject } from './item-input.ts';
import { isObject, mergePatch } from './merge-patch.ts';
import type { ITagged } from './route-view.ts';
import { dsInputSchema, rollInputSchema } from './schemas/dnssec.ts';
import type { ControlState } from './state.ts';
import { problemsOfZod } from './zod-problems.ts';
import { zoneWords } from './zone-input.ts';
import type { ZoneService } from './zone-service.ts';

/** DNSSEC of a zone with how it was asked for. */
export interface IDnssecView extends IZoneDnssecInfo {
  /** Null: the zone is not to be signed. */
  options: IDnssecOptions | null;
}

/** DNSSEC of zones: whether and how they are signed is a part of their options. */
export class DnssecService {
  private readonly state: ControlState;
  private readonly zones: ZoneService;

  constructor(state: ControlState, zones: ZoneService) {
    this.state = state;
    this.zones = zones;
  }

  /** Keys (without their secrets), DS records and state. @throws DcError `ZONE_UNKNOWN` */
  get(selector: string): ITagged<IDnssecView> {
    const id = this.zones.idOf(selector);
    const options = dnssecOf(this.state.zones.get(id)?.value ?? {});
    const info = this.state.dns.keys.info(id);
    return { item: { ...info, options }, tag: entityTag(options, JSON.stringify(info)) };
  }

  /**
   * Signs a zone, or changes how: a new algorithm or kind of keys comes by a rollover.
   * @throws DcError `ZONE_UNKNOWN`, `ZONE_INVALID`, `PRECONDITION_FAILED`, `STORE_FAILED`
   */
  put(
    selector: string,
    input: unknown = {},
    precondition?: IPrecondition,
  ): Promise<ITagged<IDnssecView>> {
    if (!isObject(input)) throw notAnObject(zoneWords);
    return this.set(selector, precondition, () => input);
  }

  /** The same by a JSON merge patch (RFC 7396) of the options. @throws as `put` */
  patch(
    selector: string,
    patch: unknown,
    precondition?: IPrecondition,
  ): Promise<ITagged<IDnssecView>> {
    if (!isObject(patch)) throw notAnObject(zoneWords);
    return this.set(selector, precondition, (current) => mergePatch(current ?? {}, patch));
  }

  /**
   * Asks for the zone to be unsigned: that waits until nobody has its DS any more.
   * @throws as `put`
   */
  withdraw(selector: string, precondition?: IPrecondition): Promise<ITagged<IDnssecView>> {
    return this.set(selector, precondition, () => false);
  }

  /**
   * Replaces the key of a role now.
   * @throws DcError `ZONE_UNKNOWN`, `ZONE_INVALID` for a zone that is not signed; ApiError
   *   `BODY_INVALID` (422)
   */
  async roll(selector: string, input: unknown): Promise<IDnssecView> {
    const { role } = parsed(rollInputSchema, input);
    await this.zones.change(selector, (id) => this.state.dns.keys.roll(id, role));
    return this.get(selector).item;
  }

  /** Says that the parent has these DS, where nobody can look: a rollover goes on. @throws as `roll` */
  async confirmDs(selector: string, input: unknown): Promise<IDnssecView> {
    const { ds } = parsed(dsInputSchema, input);
    await this.zones.change(selector, (id) => this.state.dns.keys.confirmDs(id, ds));
    return this.get(selector).item;
  }

  private async set(
    selector: string,
    precondition: IPrecondition | undefined,
    change: (current: IDnssecOptions | null) => unknown,
  ): Promise<ITagged<IDnssecView>> {
    const id = this.zones.idOf(selector);
    // The condition is on what is shown here, not on all of the zone.
    await this.zones.edit(id, undefined, (zone) => {
      checkPrecondition(precondition, this.get(id).tag);
      return { ...zone, dnssec: change(dnssecOf(zone)) };
    });
    return this.get(id);
  }
}

/** @throws ApiError `BODY_INVALID` (422) */
function parsed<TSchema extends typeof rollInputSchema | typeof dsInputSchema>(
  schema: TSchema,
  input: unknown,
): ReturnType<TSchema['parse']> {
  const result = schema.safeParse(input);
  if (result.success) return result.data as ReturnType<TSchema['parse']>;
  throw new ApiError('BODY_INVALID', 'The body is not valid', {
    problems: problemsOfZod(schema, input, result.error),
  });
}
