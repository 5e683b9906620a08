/**
 * The TCP and UDP plane: ports that are forwarded.
 *
 * An entry (`IPortProxySettings`) listens on ports. What a connection is (its TLS server name, or
 * what its first bytes speak) decides which of the entry's domain configs takes it, or the entry
 * itself; then it is relayed to a backend, decrypted first, or handed to the web plane. `SmartProxy`
 * is the way in: it prepares and applies changes of entries, entry by entry.
 *
 * The life of a connection: `Entry.accept` (limits, PROXY header) → `Opening` (first bytes, domain
 * config, TLS, backend) → `Session` (bytes both ways) → `Entry.ended`.
 */
export type { ISmartProxyParts } from './parts.ts';
export { type IPreparedTcp, SmartProxy } from './smart-proxy.ts';
export type { ITcpChanges, ITcpElsewhere, IUdpPlane } from './types.ts';
