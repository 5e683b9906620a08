import type {
  Backend,
  ICertificateOptions,
  IDcRouterOptions,
  RouteConfig,
  TOrigin,
} from '../../ts_interfaces/index.ts';
import type { LayeredItems } from '../config/layers.ts';
import { maskSecrets } from '../config/secrets.ts';
import { DcError, type IProblem } from '../core/errors.ts';
import { mask } from './mask.ts';
import { isObject } from './merge-patch.ts';
import {
  cursorAfter,
  type IPage,
  type IPageQuery,
  nameOfCursor,
  pageLimitDefault,
} from './paging.ts';
import { pageOf } from './route-index.ts';
import type { ControlState } from './state.ts';
import type { IConfigChange, IProcessControl } from './types.ts';

/** Routes in one piece of an export; between two, traffic gets its turn. */
const routesPerPiece = 200;

/** One item that the API changed. */
export interface IOverlayItem {
  kind: 'route' | 'certificate';
  /** Id of the route, domain of the certificate. */
  key: string;
  change: 'added' | 'changed' | 'removed' | 'disabled';
  origin: TOrigin;
  /** What the file says. */
  before?: unknown;
  /** What the API made of it. */
  after?: unknown;
  /** Why it is disabled. */
  problems?: readonly IProblem[];
}

/** The file as it is now, what was loaded from it, and what the API changed over that. */
export interface IConfigDiff {
  file: { path: string | null; changes: IConfigChange[]; problems: readonly IProblem[] };
  overlay: IPage<IOverlayItem>;
}

/** How to write an export. */
export interface IExportSettings {
  format: 'json' | 'yaml';
  /** Writes secrets as they are. @default false */
  secrets?: boolean;
}

/** Views of the configuration: the file with the API's changes over it. */
export class ConfigService {
  private readonly state: ControlState;
  private readonly process: IProcessControl;

  constructor(state: ControlState, process: IProcessControl) {
    this.state = state;
    this.process = process;
  }

  /** Everything that is wrong with what was configured: items that are left out, and why. */
  problems(): IProblem[] {
    const { disabled } = this.state;
    const found = [...this.process.problems()];
    for (const kind of ['routes', 'certificates'] as const) {
      for (const [key, item] of disabled[kind]) {
        for (const problem of item.problems) found.push(prefixed(`${kind}[${key}]`, problem));
      }
    }
    return found;
  }

  /**
   * The configuration in effect, as a file that would bring it back. Comes in pieces, which rest
   * now and then, so that 100,000 routes do not hold the traffic up.
   */
  async *export({ format, secrets = false }: IExportSettings): AsyncGenerator<string> {
    const {
      hooks: _hooks,
      web = {},
      certificates: _certificates,
      ...rest
    } = this.process.options();
    const { routes: _routes, ...webRest } = web;
    const shown = secrets ? { ...rest, web: webRest } : maskSecrets({ ...rest, web: webRest });
    const hide = secrets ? <T>(value: T): T => value : mask;
    const certificates = values(this.state.certificates).map((one) => hide(one));
    const writer = format === 'json' ? jsonWriter() : await yamlWriter();
    yield writer.begin({ ...shown, certificates });
    let piece: unknown[] = [];
    // The keys are taken at once: routes that come or go meanwhile must not disturb the walk.
    const ids = [...this.state.routes.entries()].map(([id]) => id);
    for (const id of ids) {
      const config = this.state.routes.get(id)?.value;
      if (config !== undefined) piece.push(hide(asWritten(config)));
      if (piece.length < routesPerPiece) continue;
      yield writer.routes(piece);
      piece = [];
      await new Promise((resolve) => setImmediate(resolve));
    }
    yield writer.routes(piece) + writer.end();
  }

  /** @throws ApiError `REQUEST_INVALID` (400) for a foreign cursor. */
  async diff(query: IPageQuery = {}): Promise<IConfigDiff> {
    const file = { path: this.process.configFile, ...(await this.pending()) };
    return { file, overlay: this.overlay(query) };
  }

  /** What a reload would change, or why it would be refused. */
  async pending(): Promise<{ changes: IConfigChange[]; problems: readonly IProblem[] }> {
    if (this.process.configFile === null) return { changes: [], problems: [] };
    try {
      return { changes: await this.process.pendingChanges(), problems: [] };
    } catch (error) {
      if (!(error instanceof DcError)) throw error;
      const { message, problems } = error;
      return { changes: [], problems: problems.length > 0 ? problems : [{ path: '', message }] };
    }
  }

  /** What the API changed, page by page, ordered by kind and key. */
  private overlay({ limit = pageLimitDefault, cursor }: IPageQuery): IPage<IOverlayItem> {
    const { routes, certificates, disabled } = this.state;
    const keys: string[] = [];
    for (const [domain, value] of certificates.overlay()) {
      if (says(certificates, domain, value)) keys.push(`certificate ${domain}`);
    }
    for (const [id, value] of routes.overlay())
      if (says(routes, id, value)) keys.push(`route ${id}`);
    for (const domain of disabled.certificates.keys()) keys.push(`certificate ${domain}`);
    for (const id of disabled.routes.keys()) keys.push(`route ${id}`);
    const page = pageOf([...new Set(keys)].sort(), nameOfCursor(cursor), limit);
    const items = page.ids.map((name) => {
      const key = name.slice(name.indexOf(' ') + 1);
      return name.startsWith('route ') ? this.item('route', key) : this.item('certificate', key);
    });
    return { items, total: new Set(keys).size, nextCursor: cursorAfter(page.next) };
  }

  private item(kind: 'route' | 'certificate', key: string): IOverlayItem {
    const layers = kind === 'route' ? this.state.routes : this.state.certificates;
    const broken = this.state.disabled[kind === 'route' ? 'routes' : 'certificates'].get(key);
    const before = layers.baseOf(key);
    const after = broken?.value ?? layers.get(key)?.value;
    const change =
      broken !== undefined
        ? 'disabled'
        : after === undefined
          ? 'removed'
          : before === undefined
            ? 'added'
            : 'changed';
    return {
      kind,
      key,
      change,
      origin: before === undefined ? 'api' : 'api-over-file',
      ...(before === undefined ? {} : { before: mask(before) }),
      ...(after === undefined ? {} : { after: mask(after) }),
      ...(broken === undefined ? {} : { problems: broken.problems }),
    };
  }
}

/** Whether an overlay entry has an effect: removing what the file no longer has has none. */
function says<T extends object>(layers: LayeredItems<T>, key: string, value: T | null): boolean {
  return value !== null || layers.baseOf(key) !== undefined;
}

function values(layers: LayeredItems<ICertificateOptions>): ICertificateOptions[] {
  return [...layers.entries()].map(([, { value }]) => value);
}

function prefixed(prefix: string, problem: IProblem): IProblem {
  return { ...problem, path: problem.path === '' ? prefix : `${prefix}.${problem.path}` };
}

/** A route as somebody would write it: without the state of its backends. */
function asWritten(config: RouteConfig): unknown {
  return { ...config, backends: config.backends.map(backendAsWritten) };
}

function backendAsWritten(backend: Backend): unknown {
  const { isDead, deadSince: _deadSince, failureCount, ...rest } = backend;
  return {
    ...rest,
    ...(isDead ? { isDead } : {}),
    ...(failureCount > 0 ? { failureCount } : {}),
  };
}

/** Writes a configuration in pieces, its routes last. */
interface IConfigWriter {
  /** All but the routes. */
  begin(options: IDcRouterOptions): string;
  routes(routes: readonly unknown[]): string;
  end(): string;
}

function jsonWriter(): IConfigWriter {
  let separator = '';
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
    end: () => '\n]}}\n',
  };
}

async function yamlWriter(): Promise<IConfigWriter> {
  const { stringify } = await import('yaml');
  const write = (value: unknown, indent: string): string => {
    if (Array.isArray(value) ? value.length === 0 : isObject(value) && isEmpty(value)) return '';
    // Texts stay on one line: indenting the lines of a block afterwards would change a folded one.
    const text = stringify(value, { lineWidth: 0, aliasDuplicateObjects: false });
    return text.replace(/^(?=.)/gm, indent);
  };
  let some = false;
  return {
    begin: ({ web = {}, ...rest }) => `${write(rest, '')}web:\n${write(web, '  ')}  routes:`,
    routes: (routes) => {
      const text = write(routes, '    ');
      if (text === '') return '';
      const start = some ? '' : '\n';
      some = true;
      return start + text;
    },
    end: () => (some ? '' : ' []\n'),
  };
}

function isEmpty(value: Record<string, unknown>): boolean {
  return Object.keys(value).length === 0;
}
