/**
 * Forwarding by the kernel: entries with `forwarding: kernel` become nftables rules of the table
 * `inet dcrouter`, and no packet of theirs passes through this process.
 *
 * New connections to an entry's ports (from other machines and from this one) get the address of a
 * backend that is drawn by weight (dnat), and our address as their source (masquerade): so answers come
 * back through us, and backends see us instead of the client. Rules of other tables hold as
 * well: a firewall that drops forwarded packets drops these.
 *
 * `KernelForwarder` is the way in; whoever makes one calls `clear()` at start and stop.
 */
export {
  type IKernelAvailability,
  type IKernelCounters,
  type IKernelForwarder,
  type IKernelForwarderParts,
  KernelForwarder,
} from './kernel-forwarder.ts';
export type { IKernelHost } from './kernel-host.ts';
export { kernelObstacles } from './kernel-plan.ts';
export type { INftOutcome, TRunNft } from './nft.ts';
