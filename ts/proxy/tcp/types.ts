import type { IPortProxySettings, ITcpLive, ITcpStats } from '../../../ts_interfaces/index.ts';
import type { UdpForwarder } from '../udp/index.ts';

/** Entries that are added or changed, and ids of those that go. */
export interface ITcpChanges {
  readonly set: readonly IPortProxySettings[];
  readonly removed: readonly string[];
}

/** What forwards UDP entries. */
export type IUdpPlane = Pick<
  UdpForwarder,
  | 'prepare'
  | 'apply'
  | 'discard'
  | 'remove'
  | 'stop'
  | 'info'
  | 'stats'
  | 'connections'
  | 'healthGroup'
  | 'drainTimeoutMs'
>;

/** Numbers of other processes that serve in place of this one; added to its own. */
export interface ITcpElsewhere {
  /** Of all entries, also of those that are gone. */
  readonly total: ITcpStats;
  /** How an entry is doing there and here. @param live here. */
  informed(id: string, live: ITcpLive): ITcpLive;
}
