/**
 * UDP forwarding: entries with `protocol: udp`.
 *
 * `UdpForwarder` is the way in: `prepare()` binds, `apply()` swaps, `remove()` drains. A port
 * (`UdpPort`) owns its socket and its clients' sessions, and goes from one entry to another without being
 * closed. A session (`UdpSession`) has a socket of its own, connected to its backend: that is how a
 * closed port is noticed (ICMP), and how answers find their client.
 *
 * Answers leave from the port that the client came to. Their source address is chosen by the kernel
 * where the entry is bound to every address, for Node cannot name it: on a machine with several
 * addresses, give one entry per address if clients come to another than the one of the route back.
 *
 * With `reusePort`, the kernel sends a client to the same process as long as the number of
 * processes stays; when one comes or goes, some clients begin new sessions with another process.
 */
export {
  type IPreparedUdp,
  type IUdpForwarderParts,
  UdpForwarder,
} from './udp-forwarder.ts';
