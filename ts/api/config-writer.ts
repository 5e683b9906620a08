/** Writes a configuration as a file, piece by piece. */
import type {
  Backend,
  IDcRouterOptions,
  IDnsOptions,
  IPortProxySettings,
  IZoneOptions,
  IZoneRecord,
  RouteConfig,
} from '../../ts_interfaces/index.ts';
import { isObject } from './merge-patch.ts';

/**
 * Writes a configuration in pieces: `begin`, routes, `endOfRoutes`, zones (`beginDns`, for each
 * `zone`, its records, `endOfZone`, then `endOfDns`; or none of these), address lists (each `list`,
 * its addresses, `endOfList`), `end`.
 */
export interface IConfigWriter {
  /** All but routes, zones and lists. */
  begin(options: IDcRouterOptions): string;
  routes(routes: readonly unknown[]): string;
  endOfRoutes(): string;
  /** All of DNS but zones. @param hasZones whether zones follow. */
  beginDns(options: IDnsOptions, hasZones: boolean): string;
  /** @param hasRecords whether `records` follow, in pieces. */
  zone(options: IZoneOptions, hasRecords: boolean): string;
  records(records: readonly (string | IZoneRecord)[]): string;
  endOfZone(): string;
  endOfDns(): string;
  /** @param count of the addresses that follow; null: it has none of its own, only a file. */
  list(name: string, file: string | undefined, count: number | null): string;
  addresses(addresses: readonly string[]): string;
  endOfList(): string;
  end(): string;
}

/** A route as somebody would write it: without the state of its backends. */
export function asWritten(config: RouteConfig): unknown {
  return { ...config, backends: config.backends.map(backendAsWritten) };
}

/** The same for a TCP entry. */
export function tcpAsWritten(config: IPortProxySettings): IPortProxySettings {
  const { backends, domainConfigs } = config;
  return {
    ...config,
    ...(backends && { backends: backends.map(backendAsWritten) }),
    ...(domainConfigs && {
      domainConfigs: domainConfigs.map((one) => {
        return one.backends ? { ...one, backends: one.backends.map(backendAsWritten) } : one;
      }),
    }),
  };
}

function backendAsWritten(backend: Backend): Backend {
  const { isDead, deadSince: _deadSince, failureCount, ...rest } = backend;
  const state = { ...(isDead ? { isDead } : {}), ...(failureCount > 0 ? { failureCount } : {}) };
  // What has a default may be missing in what is written.
  return { ...rest, ...state } as Backend;
}

/** Writes JSON. */
export function jsonWriter(): IConfigWriter {
  let separator = '';
  let [lists, listEnd] = [0, ''];
  let [zones, zoneEnd, dnsEnd] = [0, '', ''];
  const commaed = (items: readonly unknown[]): string => {
    if (items.length === 0) return '';
    const start = separator;
    separator = ',';
    return start + items.map((item) => JSON.stringify(item)).join(',');
  };
  return {
    begin: ({ web = {}, ...rest }) => {
      const head = JSON.stringify(rest).slice(0, -1);
      const inner = JSON.stringify(web).slice(0, -1);
      return `${head}${head === '{' ? '' : ','}"web":${inner}${inner === '{' ? '' : ','}"routes":[`;
    },
    routes: (routes) => {
      let text = '';
      for (const route of routes) {
        text += `${separator}\n${JSON.stringify(route)}`;
        separator = ',';
      }
      return text;
    },
    endOfRoutes: () => '\n]}',
    beginDns: (options, hasZones) => {
      const head = JSON.stringify(options).slice(0, -1);
      zones = 0;
      dnsEnd = hasZones ? '\n]}' : '}';
      return `,"dns":${head}${hasZones ? `${head === '{' ? '' : ','}"zones":[` : ''}`;
    },
    zone: (options, hasRecords) => {
      const start = zones++ === 0 ? '\n' : ',\n';
      separator = '';
      zoneEnd = hasRecords ? ']}' : '}';
      const head = JSON.stringify(options).slice(0, -1);
      return start + head + (hasRecords ? ',"records":[' : '');
    },
    records: (records) => commaed(records),
    endOfZone: () => zoneEnd,
    endOfDns: () => dnsEnd,
    list: (name, file, count) => {
      const start = lists++ === 0 ? ',"access":{"lists":{' : ',';
      separator = '';
      const members = [
        ...(file === undefined ? [] : [`"file":${JSON.stringify(file)}`]),
        ...(count === null ? [] : ['"addresses":[']),
      ];
      listEnd = count === null ? '}' : ']}';
      return `${start}\n${JSON.stringify(name)}:{${members.join(',')}`;
    },
    addresses: (addresses) => commaed(addresses),
    endOfList: () => listEnd,
    end: () => (lists === 0 ? '}\n' : '\n}}}\n'),
  };
}

/** Writes YAML. */
export async function yamlWriter(): Promise<IConfigWriter> {
  const { stringify } = await import('yaml');
  const write = (value: unknown, indent: string): string => {
    if (Array.isArray(value) ? value.length === 0 : isObject(value) && isEmpty(value)) return '';
    // Texts stay on one line: indenting the lines of a block afterwards would change a folded one.
    const text = stringify(value, { lineWidth: 0, aliasDuplicateObjects: false });
    return text.replace(/^(?=.)/gm, indent);
  };
  let some = false;
  let lists = 0;
  return {
    begin: ({ web = {}, ...rest }) => `${write(rest, '')}web:\n${write(web, '  ')}  routes:`,
    routes: (routes) => {
      const text = write(routes, '    ');
      if (text === '') return '';
      const start = some ? '' : '\n';
      some = true;
      return start + text;
    },
    endOfRoutes: () => (some ? '' : ' []\n'),
    beginDns: (options, hasZones) => {
      const text = write(options, '  ');
      if (hasZones) return `dns:\n${text}  zones:\n`;
      return text === '' ? 'dns: {}\n' : `dns:\n${text}`;
    },
    zone: (options, hasRecords) => {
      some = !hasRecords;
      return write([options], '    ') + (hasRecords ? '      records:' : '');
    },
    records: (records) => {
      const start = some || records.length === 0 ? '' : '\n';
      some ||= records.length > 0;
      // What is JSON is YAML too.
      return start + records.map((record) => `        - ${JSON.stringify(record)}\n`).join('');
    },
    endOfZone: () => (some ? '' : ' []\n'),
    endOfDns: () => '',
    list: (name, file, count) => {
      const start = lists++ === 0 ? 'access:\n  lists:\n' : '';
      // A text of JSON is one of YAML.
      const from = file === undefined ? '' : `      file: ${JSON.stringify(file)}\n`;
      const head = count === null ? '' : `      addresses:${count === 0 ? ' []' : ''}\n`;
      return `${start}    ${JSON.stringify(name)}:\n${from}${head}`;
    },
    addresses: (addresses) => {
      return addresses.map((address) => `        - ${JSON.stringify(address)}\n`).join('');
    },
    endOfList: () => '',
    end: () => '',
  };
}

function isEmpty(value: Record<string, unknown>): boolean {
  return Object.keys(value).length === 0;
}
