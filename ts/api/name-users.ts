import { ApiError } from './api-error.ts';
import { namesIn, type TNamingItem } from './named-items.ts';
import type { ControlState } from './state.ts';
import type { IProcessControl } from './types.ts';
import { listsInZone } from './zone-names.ts';

/** Who names an address list or a rate limit. */
export interface INameUser {
  kind: 'route' | 'TCP entry' | 'entrypoint' | 'zone' | 'DNS option';
  id: string;
}

/** All that names an address list or a limit. Looks at every route: some milliseconds with 100,000. */
export function usersOf(
  state: ControlState,
  process: IProcessControl,
  kind: 'access' | 'limits',
  name: string,
): INameUser[] {
  const users: INameUser[] = [];
  const look = (item: TNamingItem, userKind: INameUser['kind'], id: string): void => {
    for (const use of namesIn(item)) {
      if (use.kind === kind && use.name === name) {
        users.push({ kind: userKind, id });
        return;
      }
    }
  };
  const { entrypoints = {} } = process.options().web ?? {};
  for (const [id, { access }] of Object.entries(entrypoints)) look({ access }, 'entrypoint', id);
  if (kind === 'access') users.push(...dnsUsersOf(state, process, name));
  for (const [id, { value }] of state.tcp.entries()) look(value, 'TCP entry', id);
  for (const [id, { value }] of state.routes.entries()) look(value, 'route', id);
  return users;
}

/** Zones and options of the DNS plane that name an address list. */
function dnsUsersOf(state: ControlState, process: IProcessControl, list: string): INameUser[] {
  const { views = [], resolver, rateLimit } = process.options().dns ?? {};
  const exempt = rateLimit === false ? undefined : rateLimit?.exempt;
  const options: [string, readonly string[]][] = [
    ...views.map(({ name, clients }): [string, string[]] => [`views[${name}].clients`, clients]),
    ['resolver.clients', resolver?.clients ?? []],
    ['rateLimit.exempt', exempt ?? []],
  ];
  const users: INameUser[] = [];
  for (const [id, entries] of options) {
    if (entries.includes(`@${list}`)) users.push({ kind: 'DNS option', id });
  }
  for (const [id, { value }] of state.zones.entries()) {
    if (listsInZone(value).includes(list)) users.push({ kind: 'zone', id });
  }
  return users;
}

/** The refusal to take away what somebody names. */
export function inUse(what: string, users: readonly INameUser[]): ApiError {
  const [first] = users;
  const names = users.length > 1 ? ` and ${users.length - 1} more name it` : ' names it';
  const message = `Cannot remove ${what}: ${first?.kind} "${first?.id}"${names}`;
  const problems = users.slice(0, 100).map(({ kind, id }) => {
    return { path: '', message: `The ${kind} "${id}" names it`, value: id };
  });
  return new ApiError('IN_USE', message, { problems });
}
