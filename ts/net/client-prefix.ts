import { networkOf } from './ip.ts';

/** Networks that were made, by address; one map for each length of prefix in use. */
const networks: (Map<string, string> | undefined)[] = [];
/** Addresses kept for each length: enough for the clients of the moment. */
const networksMax = 1024;

/**
 * The key under which a client is counted: its address, or the network around it, in the form of
 * `networkOf`; by default what `clientNetwork` says.
 *
 * A text that is no address counts by itself.
 *
 * @param ip in normal form (`canonicalIp`).
 * @param prefix4 bits of an IPv4 address that count, 0 to 32.
 * @param prefix6 bits of an IPv6 address that count, 0 to 128.
 */
export function clientKey(ip: string, prefix4 = 32, prefix6 = 64): string {
  if (!ip.includes(':')) return prefix4 === 32 ? ip : networkOf(ip, prefix4, prefix6);
  // IPv4 in IPv6 has the other prefix; normal form knows it only as IPv4.
  if (ip.startsWith('::ffff:')) return networkOf(ip, prefix4, prefix6);
  if (prefix6 === 128) return ip;
  let known = networks[prefix6];
  if (known === undefined) {
    known = new Map();
    networks[prefix6] = known;
  }
  let network = known.get(ip);
  if (network === undefined) {
    network = networkOf(ip, prefix4, prefix6);
    // All at once is cheaper than finding the oldest, and those in use are soon back.
    if (known.size >= networksMax) known.clear();
    known.set(ip, network);
  }
  return network;
}
