/** Writes a configuration as a file, piece by piece. */
import type {
  Backend,
  IDcRouterOptions,
  IPortProxySettings,
  RouteConfig,
} from '../../ts_interfaces/index.ts';
import { isObject } from './merge-patch.ts';

/**
 * Writes a configuration in pieces: `begin`, routes, `endOfRoutes`, address lists (each `list`, its
 * addresses, `endOfList`), `end`.
 */
export interface IConfigWriter {
  /** All but routes and lists. */
  begin(options: IDcRouterOptions): string;
  routes(routes: readonly unknown[]): string;
  endOfRoutes(): string;
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
  let lists = 0;
  let listEnd = '';
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
    addresses: (addresses) => {
      const text = addresses.map((address) => JSON.stringify(address)).join(',');
      const start = separator;
      separator = ',';
      return start + text;
    },
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
