import { randomBytes } from 'node:crypto';
import type { IPortProxySettings, TPortProxyInput } from '../../../ts_interfaces/index.ts';
import { parseTcpEntry } from '../../config/parse.ts';
import { type IClock, systemClock } from '../../core/clock.ts';
import { EventBus } from '../../core/event-bus.ts';
import { type ILogger, silentLogger } from '../../core/logger.ts';
import { AddressLists } from '../../net/address-list.ts';
import { DescriptorGuard } from '../../net/descriptors.ts';
import { type ILimiters, LocalLimiters } from '../../net/limiters.ts';
import { PortTable } from '../../net/port-table.ts';
import { type IPortBinder, LocalPorts } from '../../net/ports.ts';
import { BackendNames } from '../backend-names.ts';
import { HealthMonitor } from '../health-monitor.ts';
import { type IKernelForwarder, KernelForwarder } from '../kernel/index.ts';
import type { INetworkProxyBridge } from '../network-proxy-bridge.ts';
import { TlsContexts } from '../tls-contexts.ts';
import { UdpForwarder } from '../udp/index.ts';
import type { IUdpPlane } from './types.ts';

/** Bytes that Node wants for the keys of session tickets. */
const ticketKeyBytes = 48;

/** What the TCP plane works with. */
export interface ISmartProxyParts {
  ports: IPortBinder;
  limiters: ILimiters;
  lists: AddressLists;
  /** Started and stopped by whoever made it. */
  health: HealthMonitor;
  /** Where backends by name are; stopped by whoever made them. @default names of its own */
  names?: BackendNames;
  /** Certificates, where TLS is ended. */
  contexts: TlsContexts;
  /** 48 bytes; whoever shares them takes up each other's TLS sessions. */
  ticketKeys: Buffer;
  /** null: there is no web plane, and what goes there is broken off. */
  bridge: INetworkProxyBridge | null;
  bus: EventBus;
  logger: ILogger;
  clock: IClock;
  /** @default none: entries for the kernel are forwarded by this process */
  kernel?: IKernelForwarder;
  /** @default none: entries of UDP are refused */
  udp?: IUdpPlane;
}

/** The parts of a plane that is used alone, and its entries. */
export interface IOwnParts {
  readonly parts: ISmartProxyParts;
  readonly entries: readonly IPortProxySettings[];
  start(): void;
  stop(): void;
}

/**
 * Makes all that a plane of its own needs.
 *
 * @throws DcError `TCP_INVALID` with every problem of an entry.
 */
export function ownParts(from: TPortProxyInput | readonly TPortProxyInput[]): IOwnParts {
  const entries = listOf(from).map((input) => parseTcpEntry(input));
  const [logger, clock] = [silentLogger, systemClock];
  const bus = new EventBus(logger);
  const names = new BackendNames({ clock, logger });
  const health = new HealthMonitor({ bus, logger, clock, names });
  const lists = new AddressLists();
  const limiters = new LocalLimiters();
  const parts: ISmartProxyParts = {
    ports: new PortTable(new LocalPorts({ guard: new DescriptorGuard({ logger }) })),
    limiters,
    lists,
    health,
    names,
    contexts: new TlsContexts([]),
    ticketKeys: randomBytes(ticketKeyBytes),
    bridge: null,
    bus,
    logger,
    clock,
    kernel: new KernelForwarder({ logger, clock, lists }),
    udp: new UdpForwarder({ limiters, lists, health, names, bus, logger, clock, reusePort: false }),
  };
  const stop = () => {
    health.stop();
    names.stop();
  };
  return { parts, entries, start: () => health.start(), stop };
}

function listOf(from: TPortProxyInput | readonly TPortProxyInput[]): readonly TPortProxyInput[] {
  return Array.isArray(from) ? from : [from as TPortProxyInput];
}
