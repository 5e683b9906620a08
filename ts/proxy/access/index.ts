/**
 * Access: who may pass. A route's `auth` (basic, bearer) and `authProvider` (a function, or an HTTP
 * service) are compiled into one `IAccess`; a route without either has null.
 */
import type { RouteConfig } from '../../../ts_interfaces/index.ts';
import { DcError } from '../../core/errors.ts';
import { BothAccess, type IAccess } from './access.ts';
import type { AuthProviders } from './auth-providers.ts';
import { BasicAccess } from './basic.ts';
import { BearerAccess } from './bearer.ts';

export type { IAccess } from './access.ts';
export { AuthProviders, type IAuthProvidersParts } from './auth-providers.ts';

/**
 * Who decides about the requests of a route; null: nobody, all may pass. With both credentials and
 * a provider, both have to allow.
 *
 * @throws DcError `ROUTE_INVALID` when the provider does not exist.
 */
export function compileAccess(
  route: Pick<RouteConfig, 'id' | 'auth' | 'authProvider'>,
  providers: AuthProviders,
): IAccess | null {
  const credentials = compileCredentials(route, providers);
  if (route.authProvider === undefined) return credentials;
  const provider = providers.get(route.authProvider);
  if (provider === undefined) throw unknownProvider(route.id, route.authProvider, providers);
  return credentials === null ? provider : new BothAccess(credentials, provider);
}

function compileCredentials(
  { auth }: Pick<RouteConfig, 'auth'>,
  providers: AuthProviders,
): IAccess | null {
  if (auth === undefined) return null;
  return auth.type === 'basic'
    ? new BasicAccess(auth, providers.passwords)
    : new BearerAccess(auth);
}

function unknownProvider(id: string, name: string, providers: AuthProviders): DcError {
  const known = providers.names.map((other) => `"${other}"`).join(', ');
  const message = known === '' ? 'there are no auth providers' : `must be one of ${known}`;
  return new DcError('ROUTE_INVALID', `Route "${id}" names an unknown auth provider "${name}"`, {
    problems: [{ path: 'authProvider', message, value: name }],
  });
}
