/** What transfers, notifications and updates have come to since the start. */
export class TransferCounters {
  /** Zones (or their changes) that were sent whole, and requests for them that were refused. */
  out = 0;
  outRefused = 0;
  /** Zones (or their changes) that were fetched, and attempts that failed at every primary. */
  in = 0;
  failed = 0;
  /** Transfers that are under way now. */
  outActive = 0;
  inActive = 0;
  /** Notifications that came and were believed, or not; and that we sent, or nobody answered. */
  notifiesIn = 0;
  notifiesRefused = 0;
  notifiesOut = 0;
  notifiesFailed = 0;
  /** Updates that were done, and those that were answered with an error. */
  updatesApplied = 0;
  updatesRefused = 0;
  /** Messages whose TSIG was not believed. */
  badSignatures = 0;
}
