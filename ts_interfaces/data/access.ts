import type { TOrigin } from './certificate.ts';

/**
 * Who may come, by address. Entries are CIDRs, single addresses, or `@name` for a list of `access.lists`.
 * IPv4-mapped IPv6 addresses count as IPv4. `deny` wins over `allow`.
 */
export interface IAccessRules {
  /** Only these may come. @default absent: everybody who is not denied */
  allow?: string[];
  /** These may not come. @default none */
  deny?: string[];
}

/** A list of addresses that rules name as `@name`. */
export interface IAddressListOptions {
  /** CIDRs or single addresses. */
  addresses?: string[];
  /**
   * File with one CIDR or address a line, `#` and `;` begin comments; read at the start and at every
   * reload. Its addresses come on top of `addresses`.
   */
  file?: string;
}

/** Lists of addresses, by name. */
export interface IAccessOptions {
  /** By name: letters, digits, `-` and `_`. */
  lists?: Record<string, IAddressListOptions>;
}

/** What may be shown of an address list. */
export interface IAddressListInfo {
  name: string;
  /** Ranges that are left after those within others are gone. */
  ranges: number;
  /** Entries as they were given. */
  addresses: string[];
  origin: TOrigin;
}

/** PROXY protocol (HAProxy's, versions 1 and 2) that a proxy in front of us speaks. */
export interface IProxyProtocol {
  /**
   * Addresses or CIDRs of the proxies; their word about the client's address is believed. From others
   * a header is not read.
   */
  from: string[];
  /**
   * `required`: connections of others, and those without a header, are closed. `optional`: both are
   * served with the address that they come from. @default 'required'
   */
  mode?: 'required' | 'optional';
  /** Milliseconds until the header has to be complete. @default 5000 */
  timeoutMs?: number;
}
