/**
 * DNS servers by UDP, TCP and TLS: they move messages, count and limit, and know nothing of what
 * is in them; an `IQueryHandler` answers.
 */
export { DnsCounters, type IDnsNumbers } from './dns-counters.ts';
export { type IResponseRateOptions, ResponseRate, type TRateVerdict } from './response-rate.ts';
export { type IStreamLimits, type IStreamServerParts, StreamServer } from './stream-server.ts';
export { TopNames } from './top-names.ts';
export { type IUdpServerParts, UdpServer } from './udp-server.ts';
