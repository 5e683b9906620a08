import type {
  IPortProxySettings,
  ITcpEndpointInfo,
  ITcpEntryInfo,
  TPortProxyInput,
} from '../../ts_interfaces/index.ts';
import { DcError } from '../core/errors.ts';
import type { IStoreChange } from '../storage/store.ts';
import type { IPrecondition } from './entity-tag.ts';
import { type IItemChange, type IItemKind, ItemStore } from './item-store.ts';
import { maintenanceChange } from './maintenance.ts';
import { checkNames } from './named-items.ts';
import type { IPage, IPageQuery } from './paging.ts';
import {
  findClash,
  foreignHolder,
  holderOf,
  type IForeignPort,
  type IPortHolder,
} from './port-clash.ts';
import type { ITagged } from './route-view.ts';
import type { ControlState } from './state.ts';
import { parseTcp, tcpWords } from './tcp-input.ts';
import { tcpGroup, tcpGroups, tcpTagOf, tcpViewOf } from './tcp-view.ts';

/**
 * The TCP and UDP entries: those of the file with what was changed over them.
 *
 * A change is checked, compiled and its new ports are bound, then it is stored (synced) and only
 * then live, and its promise resolves after that; when it rejects, nothing has changed.
 */
export class TcpService {
  private readonly state: ControlState;
  private readonly items: ItemStore<IPortProxySettings, unknown>;

  /** @param held ports of entrypoints and management port. */
  constructor(state: ControlState, held: () => readonly IForeignPort[]) {
    this.state = state;
    this.items = new ItemStore(state, tcpKind(state, held));
  }

  /** Number of entries. */
  get size(): number {
    return this.state.tcp.size;
  }

  /**
   * A page of the entries, ordered by id.
   * @throws ApiError `REQUEST_INVALID` (400) for a foreign cursor.
   */
  async list(query: IPageQuery = {}): Promise<IPage<ITcpEntryInfo>> {
    const page = this.items.page(query);
    const items = await Promise.all(page.items.map(async (id) => await this.peek(id)));
    return { ...page, items: items.filter((item) => item !== undefined) };
  }

  /** @throws DcError `TCP_UNKNOWN` */
  async get(id: string): Promise<ITagged<ITcpEntryInfo>> {
    const key = this.items.resolve(id);
    const live = await this.state.tcpTarget.info(key);
    const { value, origin } = this.items.get(key);
    const item = tcpViewOf(value, origin, live, this.state.marks);
    return { item, tag: tcpTagOf(value, origin, live) };
  }

  /** What is configured, secrets and all. @throws DcError `TCP_UNKNOWN` */
  config(id: string): IPortProxySettings {
    return this.items.config(this.items.resolve(id));
  }

  /**
   * Adds an entry; without an id it gets one by its protocol and first port, `tcp-5432`.
   * @throws DcError `TCP_INVALID`, `TCP_EXISTS`, `LISTEN_FAILED`, `STORE_FAILED`
   */
  async add(input: TPortProxyInput | unknown): Promise<ITagged<ITcpEntryInfo>> {
    return await this.get(await this.items.add(input));
  }

  /**
   * Replaces an entry, or adds it under this id. Connections that are open go on as they began.
   * @throws as `add`, and DcError `PRECONDITION_FAILED`
   */
  async put(
    id: string,
    input: unknown,
    precondition?: IPrecondition,
  ): Promise<ITagged<ITcpEntryInfo> & { created: boolean }> {
    const { key, created } = await this.items.put(id, input, precondition);
    return { ...(await this.get(key)), created };
  }

  /**
   * Changes members of an entry by a JSON merge patch (RFC 7396).
   * @throws as `put`, and DcError `TCP_UNKNOWN`
   */
  async patch(
    id: string,
    patch: unknown,
    precondition?: IPrecondition,
  ): Promise<ITagged<ITcpEntryInfo>> {
    return await this.get(await this.items.patch(id, patch, precondition));
  }

  /**
   * Changes an entry in its turn: `change` makes the new one, which is checked like any input.
   * @throws as `patch`, and whatever `change` throws
   */
  async edit(
    id: string,
    precondition: IPrecondition | undefined,
    change: (current: IPortProxySettings) => unknown,
  ): Promise<ITagged<ITcpEntryInfo>> {
    return await this.get(await this.items.edit(id, precondition, change));
  }

  /**
   * Removes an entry: its ports are closed, open connections have the drain time to end. One of the
   * file stays away until it is added again.
   * @throws DcError `TCP_UNKNOWN`, `PRECONDITION_FAILED`, `STORE_FAILED`
   */
  remove(id: string, precondition?: IPrecondition): Promise<void> {
    return this.items.remove(id, precondition);
  }

  /**
   * Takes a backend out of rotation by hand (it is dead until it is marked alive), or brings one
   * back, whether it failed or was taken out. The mark is stored and outlives restarts.
   *
   * @param domainConfig id of the domain config that it belongs to; null: the entry itself.
   * @throws DcError `TCP_UNKNOWN`, `BACKEND_UNKNOWN`, `STORE_FAILED`
   */
  async mark(
    id: string,
    domainConfig: string | null,
    backendId: string,
    mark: 'dead' | 'alive',
  ): Promise<ITcpEndpointInfo> {
    const { state } = this;
    const key = await state.serial.run(async () => {
      const { marks, store } = state;
      const entryId = this.items.resolve(id);
      await this.endpoint(entryId, domainConfig, backendId);
      const group = tcpGroup(entryId, domainConfig);
      const dead = mark === 'dead';
      if (marks.has(group, backendId) !== dead) {
        await store.write([maintenanceChange(group, backendId, dead)]);
      }
      if (dead) marks.set(group, backendId);
      else marks.delete(group, backendId);
      marks.tell(group, backendId, dead);
      return entryId;
    });
    await state.live();
    return await this.endpoint(key, domainConfig, backendId);
  }

  private async endpoint(
    entryId: string,
    domainConfig: string | null,
    backendId: string,
  ): Promise<ITcpEndpointInfo> {
    const { endpoints = [] } = (await this.state.tcpTarget.info(entryId)) ?? {};
    const found = endpoints.find((one) => {
      return one.id === backendId && one.domainConfig === domainConfig;
    });
    if (found !== undefined) return found;
    const entry = `TCP entry "${entryId}"`;
    const where = domainConfig === null ? entry : `domain config "${domainConfig}" of ${entry}`;
    const other = endpoints.find(({ id }) => id === backendId);
    const hint = other === undefined ? '' : `; ${placeOf(other.domainConfig)} has one`;
    const message = `The ${where} has no backend with the id "${backendId}"${hint}`;
    throw new DcError('BACKEND_UNKNOWN', message);
  }

  /** Entries may go while others are asked. */
  private async peek(id: string): Promise<ITcpEntryInfo | undefined> {
    const live = await this.state.tcpTarget.info(id);
    const found = this.state.tcp.get(id);
    if (found === undefined) return undefined;
    return tcpViewOf(found.value, found.origin, live, this.state.marks);
  }
}

/** Where a backend is, and how the API is told so. */
function placeOf(domainConfig: string | null): string {
  if (domainConfig === null) return 'the entry itself (without "?domain=")';
  return `its domain config "${domainConfig}" ("?domain=${encodeURIComponent(domainConfig)}")`;
}

/** What is particular to TCP entries. */
function tcpKind(
  state: ControlState,
  held: () => readonly IForeignPort[],
): IItemKind<IPortProxySettings, unknown> {
  return {
    ...tcpWords,
    kind: 'tcp',
    unknown: 'TCP_UNKNOWN',
    exists: 'TCP_EXISTS',
    unknownMessage: (id) => `No TCP entry has the id "${id}"`,
    keyOf: ({ id }) => id,
    parse: parseTcp,
    tag: async (id) => {
      const live = await state.tcpTarget.info(id);
      const found = state.tcp.get(id);
      return found === undefined ? '' : tcpTagOf(found.value, found.origin, live);
    },
    prepare: async ({ key, after }) => {
      if (after === undefined) return await state.tcpTarget.prepare({ set: [], removed: [key] });
      checkNames(tcpWords, after, state);
      refuseClash(state, after, held());
      return await state.tcpTarget.prepare({ set: [after], removed: [] });
    },
    discard: (prepared) => state.tcpTarget.discard(prepared),
    storedAlso: (change) => {
      const lost = lostMarks(state, change);
      return lost.map(([group, backendId]): IStoreChange => {
        return maintenanceChange(group, backendId, false);
      });
    },
    swap: (prepared, change) => {
      const { key: id, before, after } = change;
      for (const [group, backendId] of lostMarks(state, change)) {
        state.marks.delete(group, backendId);
      }
      state.tcpTarget.apply(prepared);
      if (after !== undefined) {
        for (const group of tcpGroups(after).keys()) state.marks.applyToGroup(group);
      }
      const what = after === undefined ? 'removed' : before === undefined ? 'added' : 'changed';
      state.logger.info(`tcp.${what}`, `The TCP entry "${id}" was ${what}`, { id });
    },
  };
}

/** @throws DcError `TCP_EXISTS` naming who has one of the ports. */
function refuseClash(
  state: ControlState,
  entry: IPortProxySettings,
  ports: readonly IForeignPort[],
): void {
  const others: IPortHolder[] = ports.map(foreignHolder);
  for (const [id, { value }] of state.tcp.entries()) {
    if (id !== entry.id) others.push(holderOf(value));
  }
  const found = findClash(holderOf(entry).spans, others);
  if (found === undefined) return;
  const { holder, port } = found;
  const path = entry.fromPort === port ? 'fromPort' : 'globalPortRanges';
  throw new DcError('TCP_EXISTS', `Cannot listen on port ${port}: ${holder} has it already`, {
    problems: [{ path, message: `Must have ports of its own: ${holder} has it`, value: port }],
  });
}

/** Marks on backends that the entry will no longer have. */
function lostMarks(
  { marks }: ControlState,
  { before, after }: IItemChange<IPortProxySettings>,
): [group: string, backendId: string][] {
  if (before === undefined) return [];
  const staying = after === undefined ? new Map() : tcpGroups(after);
  return [...tcpGroups(before).keys()].flatMap((group) => {
    // Backends that `toPort` makes get their ids from the plane: their marks stay with the group.
    const backends: readonly { id: string }[] | undefined = staying.get(group);
    if (staying.has(group) && backends === undefined) return [];
    return marks.surplus(group, backends ?? []).map((id): [string, string] => [group, id]);
  });
}
