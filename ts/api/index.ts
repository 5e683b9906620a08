/**
 * Control plane and management API.
 *
 * `ControlPlane` is everything that can be changed and asked while the router runs; `ApiServer`
 * translates it to REST. `DcRouter` wires them, in this order:
 *
 * ```ts
 * await store.open();
 * const planes = { router, certificates, tcp, access, limits, connections, health, stats };
 * const parts = { ...planes, live, process, store, logger };
 * const control = new ControlPlane(parts);
 * await control.load(); // what the API changed in earlier lives
 *
 * // start, apply and reload, all the same way:
 * await control.exclusive(async () => {
 *   const base = { routes, certificates, tcp, access, limits };
 *   const rebase = control.rebase(base); // compiles; nothing has changed
 *   if (strict && rebase.problems.length > 0) throw new DcError('CONFIG_INVALID', …);
 *   await openNewListeners(); // may fail; nothing has changed
 *   await rebase.prepare(); // binds the ports of TCP entries; `rebase.discard()` closes them again
 *   rebase.swap(); // synchronous, cannot fail
 * });
 *
 * const api = new ApiServer({ control, options: options.api, dataDir, logger });
 * const { adminTokenFile } = await api.start();
 * // …
 * await api.stop();
 * await control.settled();
 * await store.close();
 * ```
 *
 * Routes that code adds to the router itself, past the control plane, serve but are not seen here.
 * Errors: `DcError` by its codes, `ApiError` for what only the management API refuses. Store
 * collections: `routes`, `certificates`, `tcp`, `access`, `limits` (overlay: a configuration, or
 * `{removed: true}`), `maintenance`, `tokens`.
 */
export type { AccessService, IAddressListChange, TAddressListSummary } from './access-service.ts';
export { adminTokenFile, apiAddressFile, ensureAdminToken } from './admin-token.ts';
export { ApiError, apiErrorTable, type TApiErrorCode } from './api-error.ts';
export type { BackendService } from './backend-service.ts';
export type { CertificateService } from './certificate-service.ts';
export type {
  ConfigService,
  IConfigDiff,
  IExportSettings,
  IOverlayItem,
} from './config-service.ts';
export type { ConnectionService, IConnectionQuery } from './connection-service.ts';
export { ControlPlane, type IControlPlaneParts, type IStatus } from './control.ts';
export type { IPrecondition, TTagCondition } from './entity-tag.ts';
export type { ICandidate, IExplainQuery, IExplanation } from './explain.ts';
export type { LimitService } from './limit-service.ts';
export type { IPage, IPageQuery } from './paging.ts';
export type { IForeignPort } from './port-clash.ts';
export type { IBase, IRebase, IRebaseSettings } from './rebase.ts';
export type { IRouteQuery, RouteService } from './route-service.ts';
export type { IBackendView, IRouteView, ITagged } from './route-view.ts';
export type { ITokenInput } from './schemas/token.ts';
export { ApiServer, apiLimits, type IApiServerParts } from './server.ts';
export type { IAddressList, INamedLimit } from './state.ts';
export type { TcpPartsService } from './tcp-parts-service.ts';
export type { TcpService } from './tcp-service.ts';
export type { INewToken, TokenService } from './token-service.ts';
export type * from './types.ts';
