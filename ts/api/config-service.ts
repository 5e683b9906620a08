import type { IDnsOptions, IZoneOptions, TOrigin } from '../../ts_interfaces/index.ts';
import type { LayeredItems } from '../config/layers.ts';
import { maskSecrets } from '../config/secrets.ts';
import { DcError, type IProblem } from '../core/errors.ts';
import {
  asWritten,
  type IConfigWriter,
  jsonWriter,
  tcpAsWritten,
  yamlWriter,
} from './config-writer.ts';
import { mask } from './mask.ts';
import {
  cursorAfter,
  type IPage,
  type IPageQuery,
  nameOfCursor,
  pageLimitDefault,
} from './paging.ts';
import { pageOf } from './route-index.ts';
import { type ControlState, type IAddressList, itemKinds, type TItemKind } from './state.ts';
import type { IConfigChange, IProcessControl } from './types.ts';
import { zoneExport } from './zone-export.ts';

/** Routes in one piece of an export; between two, traffic gets its turn. */
const routesPerPiece = 200;

/** Addresses in one piece of an export. */
const addressesPerPiece = 5_000;

/** Addresses of a list that a diff shows; the others are counted. */
const addressesShown = 20;

/** Record sets and lines of a zone that a diff shows; the others are counted. */
const recordsShown = 20;

/** Characters of a line of a zone that a diff shows; it may be a whole master file. */
const lineShown = 200;

/** What items are called in a diff. */
const kindNames = {
  routes: 'route',
  certificates: 'certificate',
  tcp: 'tcp',
  access: 'access',
  limits: 'limit',
  zones: 'zone',
} as const satisfies Record<TItemKind, string>;

/** One item that the API changed. */
export interface IOverlayItem {
  kind: (typeof kindNames)[TItemKind];
  /** Id of the route, TCP entry or zone, domain of the certificate, name of the list or limit. */
  key: string;
  change: 'added' | 'changed' | 'removed' | 'disabled';
  origin: TOrigin;
  /** What the file says. */
  before?: unknown;
  /** What the API made of it. */
  after?: unknown;
  /** Record sets of a zone that were changed over its options. */
  recordSets?: number;
  /** A master file was put in place of what the options of a zone say. */
  imported?: true;
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
    for (const kind of itemKinds) {
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
    const { hooks: _hooks, web = {}, tcp: _tcp, ...options } = this.process.options();
    const { certificates: _certificates, access: _access, limits: _limits, ...others } = options;
    const { routes: _routes, ...webRest } = web;
    const { zones: _zones, ...dnsRest } = options.dns ?? {};
    const rest = { ...others, web: webRest, dns: dnsRest };
    const { dns, ...shown } = secrets ? rest : maskSecrets(rest);
    const hide = secrets ? <T>(value: T): T => value : mask;
    const certificates = values(this.state.certificates).map((one) => hide(one));
    const tcp = values(this.state.tcp).map((one) => hide(tcpAsWritten(one)));
    const limits = values(this.state.limits).map(({ name, limit }) => [name, limit] as const);
    const writer = format === 'json' ? jsonWriter() : await yamlWriter();
    yield writer.begin({
      ...shown,
      ...(limits.length === 0 ? {} : { limits: Object.fromEntries(limits) }),
      ...(tcp.length === 0 ? {} : { tcp }),
      certificates,
    });
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
    yield writer.routes(piece) + writer.endOfRoutes();
    yield* this.exportDns(writer, options.dns === undefined ? undefined : dns);
    yield* this.exportLists(writer);
    yield writer.end();
  }

  /** @param options all but zones; undefined: the file has none. */
  private async *exportDns(
    writer: IConfigWriter,
    options: IDnsOptions | undefined,
  ): AsyncGenerator<string> {
    const ids = [...this.state.zones.entries()].map(([id]) => id);
    if (options === undefined && ids.length === 0) return;
    yield writer.beginDns(options ?? {}, ids.length > 0);
    for (const id of ids) {
      const zone = zoneExport(this.state, id);
      if (zone === undefined) continue;
      yield writer.zone(zone.options, zone.records !== null);
      for await (const piece of zone.records ?? []) yield writer.records(piece);
      yield writer.endOfZone();
      await new Promise((resolve) => setImmediate(resolve));
    }
    yield writer.endOfDns();
  }

  /** Lists that the file has alone are written as it names them, others with what is in them. */
  private async *exportLists(writer: IConfigWriter): AsyncGenerator<string> {
    const { lists = {} } = this.process.options().access ?? {};
    for (const [name] of [...this.state.access.entries()]) {
      const found = this.state.access.get(name);
      if (found === undefined) continue;
      const given = found.origin === 'file' ? lists[name] : undefined;
      const { file, addresses = [] } = given ?? { addresses: found.value.addresses };
      const isFileOnly = file !== undefined && addresses.length === 0;
      yield writer.list(name, file, isFileOnly ? null : addresses.length);
      for (let at = 0; at < addresses.length; at += addressesPerPiece) {
        yield writer.addresses(addresses.slice(at, at + addressesPerPiece));
        await new Promise((resolve) => setImmediate(resolve));
      }
      yield writer.endOfList();
    }
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
    const { state } = this;
    const keys: string[] = [];
    for (const kind of itemKinds) {
      const layers: ILayers = state[kind];
      for (const [key, value] of layers.overlay()) {
        if (says(layers, key, value)) keys.push(`${kindNames[kind]} ${key}`);
      }
      for (const key of state.disabled[kind].keys()) keys.push(`${kindNames[kind]} ${key}`);
    }
    for (const { id } of state.dns.book.zones()) {
      if (this.changedSets(id) > 0 || this.isImported(id)) keys.push(`${kindNames.zones} ${id}`);
    }
    const page = pageOf([...new Set(keys)].sort(), nameOfCursor(cursor), limit);
    const items = page.ids.map((name) => {
      const [word = ''] = name.split(' ', 1);
      const kind = itemKinds.find((one) => kindNames[one] === word) ?? 'routes';
      return this.item(kind, name.slice(word.length + 1));
    });
    return { items, total: new Set(keys).size, nextCursor: cursorAfter(page.next) };
  }

  private item(kind: TItemKind, key: string): IOverlayItem {
    const layers: ILayers = this.state[kind];
    const broken = this.state.disabled[kind].get(key);
    const before = layers.baseOf(key);
    const after = broken?.value ?? layers.get(key)?.value;
    const recordSets = kind === 'zones' ? this.changedSets(key) : 0;
    // The options are the file's own: only records were changed.
    const isSame = before !== undefined && before === after;
    const change =
      broken !== undefined
        ? 'disabled'
        : after === undefined
          ? 'removed'
          : before === undefined
            ? 'added'
            : 'changed';
    return {
      kind: kindNames[kind],
      key,
      change,
      origin: before === undefined ? 'api' : 'api-over-file',
      ...(before === undefined || isSame ? {} : { before: shownOf(kind, before) }),
      ...(after === undefined || isSame ? {} : { after: shownOf(kind, after) }),
      ...(recordSets === 0 ? {} : { recordSets }),
      ...(kind === 'zones' && this.isImported(key) ? { imported: true as const } : {}),
      ...(broken === undefined ? {} : { problems: broken.problems }),
    };
  }

  private isImported(zone: string): boolean {
    return this.state.dns.book.get(zone)?.isImported === true;
  }

  private changedSets(zone: string): number {
    return this.state.dns.book.info(zone)?.changed ?? 0;
  }
}

/** The layers of any kind, for looking. */
interface ILayers {
  overlay(): ReadonlyMap<string, object | null>;
  baseOf(key: string): object | undefined;
  get(key: string): { value: object } | undefined;
}

/** Whether an overlay entry has an effect: removing what the file no longer has has none. */
function says(layers: ILayers, key: string, value: object | null): boolean {
  return value !== null || layers.baseOf(key) !== undefined;
}

/** A zone without most of its records; it names keys, and has no secrets. */
function shownZone(zone: IZoneOptions): unknown {
  const { records = [] } = zone;
  const shown = records.slice(0, recordsShown).map((record) => {
    if (typeof record !== 'string' || record.length <= lineShown) return record;
    return `${record.slice(0, lineShown)}…`;
  });
  const more = records.length - shown.length;
  if (zone.records === undefined) return zone;
  return { ...zone, records: more > 0 ? [...shown, `and ${more} more`] : shown };
}

/** An item without its secrets, and a list without most of its addresses. */
function shownOf(kind: TItemKind, value: unknown): unknown {
  if (kind === 'zones') return shownZone(value as IZoneOptions);
  if (kind !== 'access') return kind === 'limits' ? value : mask(value);
  const { name, addresses = [] } = value as Partial<IAddressList>;
  const more = addresses.length - addressesShown;
  if (more <= 0) return { name, addresses };
  return { name, addresses: [...addresses.slice(0, addressesShown), `and ${more} more`] };
}

function values<T extends object>(layers: LayeredItems<T>): T[] {
  return [...layers.entries()].map(([, { value }]) => value);
}

function prefixed(prefix: string, problem: IProblem): IProblem {
  return { ...problem, path: problem.path === '' ? prefix : `${prefix}.${problem.path}` };
}
