import type { IDomainConfig, IPortProxySettings } from '../../ts_interfaces/index.ts';
import { parseTcpEntry } from '../config/parse.ts';
import type { TJson } from '../storage/store.ts';
import { unmasked } from './item-input.ts';
import { isObject } from './merge-patch.ts';
import { backendWithoutLiveState } from './route-view.ts';

/** How messages speak of TCP entries. */
export const tcpWords = { noun: 'TCP entry', nameOf: 'id', invalid: 'TCP_INVALID' } as const;

/** How messages speak of the domain configs of entries. */
export const domainWords = {
  noun: 'domain config',
  nameOf: 'id',
  invalid: 'TCP_INVALID',
} as const;

/** What a reader has and a writer may send back; it is left out. */
const liveKeys = ['origin', 'listening', 'forwardedBy', 'reason', 'stats', 'endpoints'];

/**
 * Makes an entry of what a client sent: live state is left out, and masks become the current
 * secrets again.
 *
 * @param id that it gets when the input has none.
 * @param current the entry that it replaces.
 * @throws DcError `TCP_INVALID` with every problem.
 */
export function parseTcp(
  input: unknown,
  id: string | undefined,
  current: IPortProxySettings | undefined,
): IPortProxySettings {
  const value = unmasked(tcpWords, withoutLive(input), current);
  return parseTcpEntry(id === undefined || value.id !== undefined ? value : { ...value, id });
}

/** Reads what the store holds. @throws DcError `TCP_INVALID` */
export function parseStoredTcp(stored: TJson): IPortProxySettings {
  return parseTcpEntry(stored);
}

/** The same for a domain config, which is not checked yet: that needs its entry. */
export function domainInput(
  input: unknown,
  current: IDomainConfig | undefined,
): Record<string, unknown> {
  return unmasked(domainWords, withoutLiveBackends(input), current);
}

function withoutLive(input: unknown): unknown {
  if (!isObject(input)) return input;
  const entry = { ...input };
  for (const key of liveKeys) delete entry[key];
  if (Array.isArray(entry.domainConfigs)) {
    entry.domainConfigs = entry.domainConfigs.map(withoutLiveBackends);
  }
  return withoutLiveBackends(entry);
}

function withoutLiveBackends(input: unknown): unknown {
  if (!isObject(input) || !Array.isArray(input.backends)) return input;
  return { ...input, backends: input.backends.map(backendWithoutLiveState) };
}
