import type { IClock } from '../../core/clock.ts';
import { recordsOf } from '../answer/encode-sections.ts';
import { withoutProofs } from '../answer/foreign-message.ts';
import { aliasesMax, sectionsFor, zoneFor } from '../answer/sections.ts';
import type { IServedZone, ZoneSet } from '../answer/zone-set.ts';
import type { IExtendedError } from '../codec/edns.ts';
import type { IRecord } from '../codec/message.ts';
import { formatName, nameKey, type TName } from '../codec/name.ts';
import { isMetaType, rcode, rcodeName, recordType, recordTypeName } from '../codec/types.ts';
import { ZoneSigner } from '../dnssec/zone-signer.ts';
import { type IAnswer, type ITraceStep, isUsable } from '../resolver/answer.ts';
import { lookup } from '../zone/lookup.ts';
import { invalid, readAddressText, readNameText, readTypeText, recordText } from './asked-text.ts';
import type { ResolverService } from './resolver-service.ts';
import type { IExplainRequest, IQueryExplanation, TExplainedStep } from './types.ts';
import type { ViewHandler } from './view-handler.ts';
import type { ViewZones } from './view-zones.ts';

/** Steps that are told of. */
const stepsMax = 500;

/** What an explanation is made of. */
export interface IExplainParts {
  readonly zones: ViewZones;
  readonly handler: ViewHandler;
  readonly service: ResolverService;
  readonly clock: IClock;
  readonly views: readonly string[];
}

/** What is known so far. */
interface IDraft {
  rcode: number;
  authoritative: boolean;
  authenticated: boolean;
  answer: readonly IRecord[];
  authority: readonly IRecord[];
  additional: readonly IRecord[];
  extendedError: IExtendedError | null;
}

/**
 * Asks our own zones and the resolver like a client would, and tells by which way the answer came.
 *
 * @throws DcError `CONFIG_INVALID` for a name, type, client or view that is none.
 */
export async function explain(
  request: IExplainRequest,
  parts: IExplainParts,
): Promise<IQueryExplanation> {
  const { from = 'auto', dnssec = false, checkingDisabled = false } = request;
  const name = readNameText(request.name);
  const type = readTypeText(request.type ?? 'A');
  if (isMetaType(type) && type !== recordType.ANY) {
    throw invalid('type', request.type ?? '', 'Must be a type that records have');
  }
  const view = viewOf(request, parts);
  const startMs = parts.clock.monotonic();
  const path: TExplainedStep[] = [];
  const step = (one: TExplainedStep): void => {
    if (path.length < stepsMax) path.push(one);
  };
  if (from !== 'resolver') step({ kind: 'view', view });
  const zones = from === 'resolver' ? null : parts.zones.setOf(view);
  const own = zones === null ? null : fromZones(zones, view, name, type, dnssec, parts, step);
  const target = own === null ? name : own.leads;
  let draft = own?.draft ?? refused;
  if (target !== null && from !== 'zones') {
    const asked = { name: target, type, checkingDisabled };
    const answer = await fromResolver(asked, request.trace === true, parts, step);
    draft = joined(own?.draft ?? null, answer);
  }
  const shown = (records: readonly IRecord[]) =>
    (dnssec ? records : withoutProofs(records, type)).map(recordText);
  return {
    name: formatName(name),
    type: recordTypeName(type),
    rcode: rcodeName(draft.rcode),
    authoritative: draft.authoritative,
    authenticated: draft.authenticated,
    answer: shown(draft.answer),
    authority: shown(draft.authority),
    additional: shown(draft.additional),
    extendedError: draft.extendedError,
    path,
    durationMs: parts.clock.monotonic() - startMs,
  };
}

const refused: IDraft = {
  rcode: rcode.REFUSED,
  authoritative: false,
  authenticated: false,
  answer: [],
  authority: [],
  additional: [],
  extendedError: null,
};

function viewOf({ view, client }: IExplainRequest, { handler, views }: IExplainParts) {
  if (view === undefined) {
    return client === undefined ? null : handler.viewOf(readAddressText(client, 'client'));
  }
  if (view !== null && !views.includes(view)) throw invalid('view', view, 'There is no such view');
  return view;
}

/** @returns null: no zone of ours has the name. */
function fromZones(
  zones: ZoneSet,
  view: string | null,
  name: TName,
  type: number,
  dnssec: boolean,
  { zones: all }: IExplainParts,
  step: (one: TExplainedStep) => void,
): { draft: IDraft; leads: TName | null } | null {
  const idOf = ({ apex }: IServedZone): string => all.find(apex, view)?.id ?? formatName(apex);
  const visited = walk(zones, name, type, idOf, step);
  if (visited === null) return null;
  const options = { dnssec, minimalAny: false, minimalResponses: false };
  const sections = sectionsFor(zones, name, type, options);
  const draft: IDraft = {
    rcode: sections.rcode,
    authoritative: sections.authoritative,
    authenticated: visited.every(({ signer }) => signer instanceof ZoneSigner),
    answer: recordsOf(sections.answer),
    authority: recordsOf(sections.authority),
    additional: recordsOf(sections.additional),
    extendedError: sections.reason,
  };
  return { draft, leads: sections.leads };
}

/** Goes the way of an answer through our zones. @returns the zones; null: the name is in none. */
function walk(
  zones: ZoneSet,
  name: TName,
  type: number,
  idOf: (served: IServedZone) => string,
  step: (one: TExplainedStep) => void,
): IServedZone[] | null {
  const visited: IServedZone[] = [];
  const seen = new Set<string>();
  let current = name;
  while (seen.size <= aliasesMax && !seen.has(nameKey(current))) {
    seen.add(nameKey(current));
    const served = zoneFor(zones, current, type);
    if (served === undefined) {
      step({ kind: 'foreign', name: formatName(current) });
      return visited.length === 0 ? null : visited;
    }
    visited.push(served);
    const found = typeof served.zone === 'string' ? undefined : lookup(served.zone, current, type);
    const target = found === undefined ? null : targetOf(found);
    step({
      kind: 'zone',
      zone: idOf(served),
      name: formatName(current),
      found: found?.kind ?? 'servfail',
      wildcard: wildcardOf(found),
      target: target === null ? null : formatName(target),
      signed: served.signer !== null,
    });
    if (target === null || found?.kind === 'delegation') return visited;
    current = target;
  }
  return visited;
}

type TFound = NonNullable<ReturnType<typeof lookup>>;

function targetOf(found: TFound): TName | null {
  switch (found.kind) {
    case 'cname':
    case 'dname':
      return found.target;
    case 'delegation':
      return found.rrset.name;
    default:
      return null;
  }
}

function wildcardOf(found: TFound | undefined): string | null {
  if (found === undefined || !('wildcard' in found) || found.wildcard === null) return null;
  return formatName(found.wildcard);
}

async function fromResolver(
  asked: { name: TName; type: number; checkingDisabled: boolean },
  traces: boolean,
  { service, clock }: IExplainParts,
  step: (one: TExplainedStep) => void,
): Promise<IAnswer> {
  const startMs = clock.monotonic();
  const trace = (one: ITraceStep): void => step({ kind: 'query', ...one });
  const { resolver } = service.current;
  const { answer, origin } = await resolver.lookupForeign(asked, traces ? trace : null);
  const durationMs = clock.monotonic() - startMs;
  const { security } = answer;
  step({ kind: 'resolver', name: formatName(asked.name), origin, security, durationMs });
  return answer;
}

/** What our zones say, and the resolver behind them. */
function joined(own: IDraft | null, answer: IAnswer): IDraft {
  const before = isUsable(answer) ? (own?.answer ?? []) : [];
  return {
    rcode: answer.rcode,
    authoritative: before.length > 0,
    authenticated:
      answer.security === 'secure' && (before.length === 0 || own?.authenticated === true),
    answer: [...before, ...answer.answer],
    authority: answer.authority,
    additional: [],
    extendedError: answer.extendedError,
  };
}
