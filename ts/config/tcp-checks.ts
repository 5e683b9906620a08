import { refuseTwinBackends } from './schema-backend.ts';
import { isObject, type TLooseObject, type TRefuse } from './schema-object.ts';
import { checkKernel, checkUdp } from './tcp-abilities.ts';
import { checkConditions } from './tcp-conditions.ts';
import { checkLoops } from './tcp-loop.ts';
import { checkEntryPorts } from './tcp-port-checks.ts';
import { targetsOf } from './tcp-target.ts';

/** Checks across the fields of an entry, and between its domain configs. */
export function checkTcpEntry(entry: TLooseObject, refuse: TRefuse): void {
  const configs = domainConfigsOf(entry);
  checkAction(entry, refuse);
  const hasTarget = targetsOf(entry).length > 0;
  if (!hasTarget && configs.length === 0) {
    const message =
      'Must say where connections go: by "toPort", "backends", "useNetworkProxy" or "domainConfigs"';
    refuse(['toPort'], message);
  }
  if (!hasTarget && entry.unknownName === 'default') {
    const message = 'Must be "reset": the entry does not say where other connections go';
    refuse(['unknownName'], message);
  }
  if (entry.protocol === 'udp') checkUdp(entry, refuse);
  else if (entry.udp !== undefined) {
    refuse(['udp'], 'Must be absent: the entry forwards TCP, for its protocol is not "udp"');
  }
  if (entry.forwarding === 'kernel') checkKernel(entry, refuse);
  checkEntryPorts(entry, configs, refuse);
  checkLoops(entry, refuse);
  if (entry.protocol === 'udp') return;
  checkConditions(entry, configs, refuse);
}

/** Checks across the fields of a domain config that need no look at its entry. */
export function checkDomainConfig(config: TLooseObject, refuse: TRefuse): void {
  checkAction(config, refuse);
  if (targetsOf(config).length === 0) {
    const message = 'Must say where connections go: by "toPort", "backends" or "useNetworkProxy"';
    refuse(['toPort'], message);
  }
  const { domains, alpn, protocol, useNetworkProxy } = config;
  if (domains !== undefined && protocol !== undefined && protocol !== 'tls') {
    refuse(['protocol'], 'Must be "tls" or absent: only TLS clients ask for one of "domains"');
  }
  if (alpn !== undefined && domains === undefined && protocol !== 'tls') {
    refuse(['alpn'], 'Must come with "domains" or "protocol: tls": only TLS clients offer ALPN');
  }
  if (domains !== undefined || protocol === undefined || protocol === 'tls') return;
  if (isTerminated(config.tls)) {
    refuse(['tls'], `Must be absent: connections of the protocol "${protocol}" have no TLS`);
  }
  if (useNetworkProxy === true && protocol !== 'http') {
    const message = `Must be absent: the web plane does not speak what "${protocol}" stands for`;
    refuse(['useNetworkProxy'], message);
  }
}

function checkAction(action: TLooseObject, refuse: TRefuse): void {
  const [first, second] = targetsOf(action);
  if (second !== undefined) {
    refuse([second], `Must not stand beside "${first}": one of them says where connections go`);
  }
  const { backends } = action;
  if (Array.isArray(backends)) {
    if (backends.length === 0) refuse(['backends'], 'Must have at least one backend, or be absent');
    refuseTwinBackends(backends, refuse);
  }
  if (action.useNetworkProxy === true && isTerminated(action.tls)) {
    refuse(
      ['tls'],
      'Must be absent with "useNetworkProxy": the web plane terminates TLS by itself',
    );
  }
}

function isTerminated(tls: unknown): boolean {
  return tls === 'terminate' || isObject(tls);
}

function domainConfigsOf({ domainConfigs }: TLooseObject): readonly unknown[] {
  return Array.isArray(domainConfigs) ? domainConfigs : [];
}
