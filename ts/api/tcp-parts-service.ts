import type {
  IDomainConfig,
  IPortProxySettings,
  TDomainConfigInput,
  TPortRange,
} from '../../ts_interfaces/index.ts';
import { normalizeVHost } from '../config/host-name.ts';
import { type IPortRange, isPortRange, readPortRange, spellRange } from '../config/port-range.ts';
import { DcError } from '../core/errors.ts';
import { checkPrecondition, entityTag, type IPrecondition } from './entity-tag.ts';
import { checkSameName, refused } from './item-input.ts';
import type { ITagged } from './route-view.ts';
import { domainInput, domainWords, tcpWords } from './tcp-input.ts';
import type { TcpService } from './tcp-service.ts';

/**
 * The domain configs and port ranges of TCP entries. Changes are changes of their entry, as durable
 * and as live. A domain config is named by its id, or by one of its domains.
 */
export class TcpPartsService {
  private readonly entries: TcpService;

  constructor(entries: TcpService) {
    this.entries = entries;
  }

  /** The domain configs of an entry, in their order. @throws DcError `TCP_UNKNOWN` */
  async domains(id: string): Promise<IDomainConfig[]> {
    const { item } = await this.entries.get(id);
    return item.domainConfigs ?? [];
  }

  /** @throws DcError `TCP_UNKNOWN` */
  async domain(id: string, name: string): Promise<ITagged<IDomainConfig>> {
    const { item } = await this.entries.get(id);
    const found = configOf(item.domainConfigs, name);
    if (found === undefined) throw unknownDomain(id, name);
    const config = configOf(this.entries.config(id).domainConfigs, found.id ?? '');
    return { item: found, tag: entityTag(config ?? null, JSON.stringify(found)) };
  }

  /**
   * Adds a domain config after the others; without an id it gets its first domain or its protocol.
   * @throws DcError `TCP_UNKNOWN`, `TCP_INVALID`, `TCP_EXISTS`, `LISTEN_FAILED`, `STORE_FAILED`
   */
  async addDomain(
    id: string,
    input: TDomainConfigInput | unknown,
  ): Promise<ITagged<IDomainConfig>> {
    let place = 0;
    const { item } = await this.entries.edit(id, undefined, (current) => {
      const { domainConfigs = [] } = current;
      const config = domainInput(input, undefined);
      if (domainConfigs.some((one) => one.id === config.id)) {
        throw new DcError('TCP_EXISTS', `A domain config has the id "${config.id}" already`);
      }
      place = domainConfigs.length;
      return { ...current, domainConfigs: [...domainConfigs, config] };
    });
    return await this.domain(id, item.domainConfigs?.[place]?.id ?? '');
  }

  /**
   * Replaces a domain config, or adds one under this id.
   * @throws as `addDomain`, and DcError `PRECONDITION_FAILED`
   */
  async putDomain(
    id: string,
    name: string,
    input: unknown,
    precondition?: IPrecondition,
  ): Promise<ITagged<IDomainConfig> & { created: boolean }> {
    let key = name;
    let created = false;
    await this.entries.edit(id, undefined, (current) => {
      const { domainConfigs = [] } = current;
      const before = configOf(domainConfigs, name);
      checkPrecondition(precondition, before && entityTag(before));
      created = before === undefined;
      key = before?.id ?? name;
      const given = domainInput(input, before);
      const config = given.id === undefined ? { ...given, id: key } : given;
      checkSameName(domainWords, String(config.id), key, created);
      const rest = domainConfigs.map((one) => (one === before ? config : one));
      return { ...current, domainConfigs: created ? [...rest, config] : rest };
    });
    return { ...(await this.domain(id, key)), created };
  }

  /**
   * Removes a domain config; open connections go on.
   * @throws DcError `TCP_UNKNOWN`, `TCP_INVALID` (what is left is no entry), `PRECONDITION_FAILED`,
   *   `STORE_FAILED`
   */
  async removeDomain(id: string, name: string, precondition?: IPrecondition): Promise<void> {
    await this.entries.edit(id, undefined, (current) => {
      const { domainConfigs = [], ...rest } = current;
      const before = configOf(domainConfigs, name);
      if (before === undefined) throw unknownDomain(id, name);
      checkPrecondition(precondition, entityTag(before));
      const left = domainConfigs.filter((one) => one !== before);
      return left.length === 0 ? rest : { ...rest, domainConfigs: left };
    });
  }

  /** The port ranges of an entry besides its `fromPort`. @throws DcError `TCP_UNKNOWN` */
  ranges(id: string): IPortRange[] {
    return rangesOf(this.entries.config(id));
  }

  /**
   * Listens on further ports.
   * @throws DcError `TCP_UNKNOWN`, `TCP_INVALID`, `TCP_EXISTS`, `LISTEN_FAILED`, `STORE_FAILED`
   */
  async addRange(id: string, input: TPortRange | unknown): Promise<IPortRange> {
    const range = readPortRange(input);
    if (!isPortRange(range)) {
      const { problem, suggestion } = range;
      throw refused(tcpWords, '', problem, suggestion === undefined ? {} : { suggestion });
    }
    await this.entries.edit(id, undefined, (current) => {
      return { ...current, globalPortRanges: [...rangesOf(current), range] };
    });
    return range;
  }

  /**
   * Takes a range away, by its text: `6000-6010`, or `6000` for a single port.
   * @throws DcError `TCP_UNKNOWN`, `TCP_INVALID` (no port is left), `STORE_FAILED`
   */
  async removeRange(id: string, text: string): Promise<void> {
    const wanted = readPortRange(text);
    const spelled = isPortRange(wanted) ? spellRange(wanted) : text;
    await this.entries.edit(id, undefined, (current) => {
      const ranges = rangesOf(current);
      const left = ranges.filter((range) => spellRange(range) !== spelled);
      if (left.length === ranges.length) {
        const known = ranges.map(spellRange).slice(0, 10).join(', ') || 'none';
        const message = `The TCP entry "${id}" has no range "${spelled}"; it has ${known}`;
        throw new DcError('TCP_UNKNOWN', message);
      }
      const { globalPortRanges: _ranges, ...rest } = current;
      return left.length === 0 ? rest : { ...rest, globalPortRanges: left };
    });
  }
}

/** By its id, else by one of its domains. */
function configOf(
  configs: readonly IDomainConfig[] | undefined,
  name: string,
): IDomainConfig | undefined {
  const domain = normalizeVHost(name);
  return (
    configs?.find(({ id }) => id === name) ??
    configs?.find(({ domains }) => typeof domain === 'string' && domains?.includes(domain))
  );
}

function rangesOf({ globalPortRanges = [] }: IPortProxySettings): IPortRange[] {
  return globalPortRanges.map((given) => readPortRange(given)).filter(isPortRange);
}

function unknownDomain(id: string, name: string): DcError {
  const message = `The TCP entry "${id}" has no domain config with the id or domain "${name}"`;
  return new DcError('TCP_UNKNOWN', message);
}
