import type { IOperation } from '../operation.ts';
import { accessOperations } from './access.ts';
import { backendOperations } from './backends.ts';
import { certificateOperations } from './certificates.ts';
import { connectionOperations } from './connections.ts';
import { dnsOperations } from './dns.ts';
import { dnssecOperations } from './dnssec.ts';
import { limitOperations } from './limits.ts';
import { routeOperations } from './routes.ts';
import { statsOperations } from './stats.ts';
import { systemOperations } from './system.ts';
import { tcpOperations } from './tcp.ts';
import { tcpPartOperations } from './tcp-parts.ts';
import { tokenOperations } from './tokens.ts';
import { zoneRecordOperations } from './zone-records.ts';
import { zoneOperations } from './zones.ts';

/** All operations below `/api/v1`. */
export const operations: readonly IOperation[] = [
  ...routeOperations,
  ...backendOperations,
  ...tcpOperations,
  ...tcpPartOperations,
  ...zoneOperations,
  ...zoneRecordOperations,
  ...dnssecOperations,
  ...dnsOperations,
  ...accessOperations,
  ...limitOperations,
  ...connectionOperations,
  ...certificateOperations,
  ...statsOperations,
  ...systemOperations,
  ...tokenOperations,
];
