import path from 'node:path';
import type { IDcRouterOptions, IZoneOptions, RouteConfig } from '../../ts_interfaces/index.ts';
import { entriesOf } from '../config/reuse.ts';
import type { ILogger } from '../core/logger.ts';
import { loadAddressLists } from '../proxy/access-lists.ts';
import type { IConfigChange } from './types.ts';

/**
 * What a configuration says of each kind of items.
 *
 * @param options as `parseOptions` makes them, so that all items have ids.
 * @param configFile whose folder the files that are named lie in; undefined: the working folder.
 * @throws DcError `CONFIG_INVALID` for a list of addresses that cannot be read.
 */
export async function baseOf(options: IDcRouterOptions, configFile: string | undefined) {
  const { web, certificates = [], access, limits = {}, dns } = options;
  return {
    routes: (web?.routes ?? []) as RouteConfig[],
    tcp: entriesOf(options),
    certificates,
    access: await loadAddressLists(access, folderOf(configFile)),
    limits,
    zones: (dns?.zones ?? []) as IZoneOptions[],
    dns,
  };
}

/** The folder that paths in a configuration are relative to. */
export function folderOf(configFile: string | undefined): string {
  return path.dirname(path.resolve(configFile ?? 'dcrouter.yaml'));
}

/** Logs that a new configuration is in force. */
export function logApplied(changes: readonly IConfigChange[], logger: ILogger): void {
  const late = changes.filter(({ effect }) => effect === 'restart').map((change) => change.path);
  logger.info('config.applied', 'The configuration is in force', { changes: changes.length });
  if (late.length > 0) {
    logger.warn('config.warning', `Takes effect at the next start: ${late.join(', ')}`);
  }
}
