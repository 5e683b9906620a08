/**
 * Zones from server to server, and everything signed by TSIG.
 *
 * Queries from others come to `SpecialQueries`: signature (`conversation.ts`) → NOTIFY
 * (`notify-receiver.ts`), UPDATE (`../update`), AXFR and IXFR (`transfer-sender.ts`), or an ordinary
 * question whose answer is signed. Ours go out by `NotifySender`, and by `SecondaryKeeper`: a SOA
 * (`soa-check.ts`) → IXFR or AXFR (`fetch-zone.ts`) → the book.
 */
export { TransferCounters } from './counters.ts';
export { type INotifySenderParts, NotifySender } from './notify-sender.ts';
export { type ISecondaryKeeperParts, SecondaryKeeper, transfersInMax } from './secondary-keeper.ts';
export { type ISpecialParts, SpecialQueries } from './special-queries.ts';
export { type ITransferLimits, transferLimitsDefault } from './transfer-reader.ts';
export { type ITransferSenderParts, TransferSender, transfersOutMax } from './transfer-sender.ts';
export { type IZonePolicy, ZonePolicies } from './zone-policies.ts';
