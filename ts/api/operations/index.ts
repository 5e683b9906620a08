import type { IOperation } from '../operation.ts';
import { backendOperations } from './backends.ts';
import { certificateOperations } from './certificates.ts';
import { routeOperations } from './routes.ts';
import { statsOperations } from './stats.ts';
import { systemOperations } from './system.ts';
import { tokenOperations } from './tokens.ts';

/** All operations below `/api/v1`. */
export const operations: readonly IOperation[] = [
  ...routeOperations,
  ...backendOperations,
  ...certificateOperations,
  ...statsOperations,
  ...systemOperations,
  ...tokenOperations,
];
