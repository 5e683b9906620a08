/**
 * DcRouter as a library: the router, its parts, and the types of its options.
 */
export type * from '../ts_interfaces/index.ts';
export { ControlPlane } from './api/index.ts';
export { DcError, formatProblems, type IProblem, type TErrorCode } from './core/errors.ts';
export { EventBus } from './core/event-bus.ts';
export { version } from './core/version.ts';
export { DcRouter, type IDcRouterContext, mergeOptions } from './dcrouter.ts';
export { DnsService } from './dns/dns-service.ts';
export type { IResolution, IResolveOptions, IResolver } from './dns/resolver/index.ts';
export { DNSManager, type IHealthSource, type IZoneBook, ZoneBook } from './dns/zones/index.ts';
export { Tracker } from './metrics/tracker.ts';
export { BalancingStrategy } from './proxy/balancing-strategy.ts';
export type { ICertificateMaterial, ICertificateSource } from './proxy/certificate-source.ts';
export { LoadBalancer } from './proxy/load-balancer.ts';
export { type IProxyManagerOptions, ProxyManager } from './proxy/proxy-manager.ts';
export { Route } from './proxy/route.ts';
export { Router } from './proxy/router.ts';
export { SmartProxy } from './proxy/tcp/index.ts';
