/** How a new base and the overlay of one kind of items are laid over one another. */
import { LayeredItems } from '../config/layers.ts';
import { DcError, type IProblem } from '../core/errors.ts';
import type { TLogEvent } from '../core/log-event.ts';
import type { TJson } from '../storage/store.ts';
import {
  type ControlState,
  type IDisabledItem,
  overlayChange,
  same,
  type TItemKind,
} from './state.ts';

/** What is done with the items of one kind. */
export interface IKind<T extends object> {
  name: TItemKind;
  current: LayeredItems<T>;
  /** Reads what the store holds. @throws DcError */
  parse(stored: TJson): T;
  /** @throws DcError when the item cannot be used. */
  check(item: T): void;
  /** The same for an item of the overlay that was in use before; cheap. @default nothing */
  recheck?(item: T): void;
  /** Also checks items that were in use before. @default false */
  everyItem?: boolean;
}

/** One kind of items, as they will be. */
export interface IPlan<T extends object> {
  kind: IKind<T>;
  base: Map<string, T>;
  next: LayeredItems<T>;
  disabled: Map<string, IDisabledItem>;
  /** Keys whose overlay entry equals the new base: the file has caught up. */
  caughtUp: string[];
}

/** What is written when an item of the overlay cannot be used. */
const disabledEvents: Record<TItemKind, TLogEvent> = {
  routes: 'route.disabled',
  certificates: 'certificate.disabled',
  tcp: 'tcp.disabled',
  access: 'access.disabled',
  limits: 'limit.disabled',
  zones: 'zone.disabled',
};

/** Lays the overlay over a new base. What of the overlay cannot be used any more is disabled. */
export function layOver<T extends object>(
  state: ControlState,
  base: Map<string, T>,
  kind: IKind<T>,
): IPlan<T> {
  const { current } = kind;
  for (const [key, value] of base) {
    // An item that stays keeps its object, so that nothing is held twice and the router's route
    // fits it.
    const old = current.baseOf(key);
    if (old !== undefined && same(old, value)) base.set(key, old);
  }
  const next = new LayeredItems<T>({ same });
  next.setBase(base);
  const plan: IPlan<T> = { kind, base, next, disabled: new Map(), caughtUp: [] };
  const was = state.disabled[kind.name];
  for (const [key, value] of current.overlay()) {
    if (value === null) next.apply(key, was.has(key) ? undefined : null);
    else place(plan, key, value as unknown as TJson, () => recheck(kind, value));
  }
  for (const [key, { value }] of was) {
    place(plan, key, value, () => {
      const item = kind.parse(value);
      kind.check(item);
      return item;
    });
  }
  return plan;
}

function recheck<T extends object>(kind: IKind<T>, item: T): T {
  if (kind.everyItem === true) kind.check(item);
  else kind.recheck?.(item);
  return item;
}

function place<T extends object>(plan: IPlan<T>, key: string, stored: TJson, read: () => T): void {
  const problems: IProblem[] = [];
  attempt(problems, '', () => {
    const item = read();
    if (plan.next.planSet(key, item) === undefined) plan.caughtUp.push(key);
    else plan.next.apply(key, item);
  });
  if (problems.length > 0) disable(plan, key, stored, problems);
}

/** Leaves an item of the overlay out. */
export function disable<T extends object>(
  plan: IPlan<T>,
  key: string,
  stored: TJson,
  problems: readonly IProblem[],
): void {
  plan.disabled.set(key, { value: stored, problems });
  // Not even the file's item takes its place: it may lack what the API added, e.g. authentication.
  plan.next.applyRemove(key);
}

/** Leaves an item of the base out that could not be prepared, with what was found wrong with it. */
export function leaveOut<T extends object>(
  { kind, base, next }: IPlan<T>,
  key: string,
  found: readonly IProblem[],
  problems: IProblem[],
): void {
  base.delete(key);
  next.setBase(base);
  for (const problem of found) {
    problems.push({ ...problem, path: joined(`${kind.name}[${key}]`, problem.path) });
  }
}

/**
 * Items that are new or another object than before; those of the base that cannot be used are taken
 * out of it.
 */
export function changedItems<T extends object>(
  plan: IPlan<T>,
  problems: IProblem[],
  checked: ReadonlyMap<string, unknown>,
): T[] {
  const { kind, base, next } = plan;
  const changed: T[] = [];
  const refused: string[] = [];
  for (const [key, { value }] of next.entries()) {
    if (kind.everyItem !== true && kind.current.get(key)?.value === value) continue;
    const before = problems.length;
    if (!checked.has(key)) attempt(problems, `${kind.name}[${key}]`, () => kind.check(value));
    if (problems.length === before) changed.push(value);
    else refused.push(key);
  }
  if (refused.length > 0) {
    for (const key of refused) base.delete(key);
    next.setBase(base);
  }
  return changed;
}

/** Keys of items that were there and will not be. */
export function goneFrom<T extends object>({ kind, next }: IPlan<T>): string[] {
  const gone: string[] = [];
  for (const [key] of kind.current.entries()) if (next.get(key) === undefined) gone.push(key);
  return gone;
}

/** Takes note of what became of the items of a kind. */
export function commitKind<T extends object>(state: ControlState, plan: IPlan<T>): void {
  const { disabled, caughtUp } = plan;
  const kind = plan.kind.name;
  for (const [key, { problems }] of disabled) {
    if (state.disabled[kind].get(key)?.problems.length) continue;
    const message = `${kind}[${key}], as the API stored it, cannot be used`;
    state.logger.error(disabledEvents[kind], message, { problems });
  }
  state.disabled[kind] = disabled;
  if (caughtUp.length > 0) forget(state, kind, caughtUp);
}

/** Drops overlay entries that say the same as the file, in a turn of their own. */
function forget(state: ControlState, kind: TItemKind, keys: readonly string[]): void {
  state.serial
    .run(() => {
      // In the meantime somebody may have changed one again.
      const overlay = state[kind].overlay();
      const idle = keys.filter((key) => !overlay.has(key) && !state.disabled[kind].has(key));
      return state.store.write(idle.map((key) => overlayChange(kind, key, undefined)));
    })
    .catch((error: unknown) => {
      const message = `Cannot forget changes of ${kind} that the file has as well`;
      state.logger.warn('store.failed', message, { error });
    });
}

/** Runs a check; what a `DcError` says becomes problems. */
export function attempt(problems: IProblem[], prefix: string, check: () => void): void {
  try {
    check();
  } catch (error) {
    for (const problem of problemsIn(error)) {
      problems.push({ ...problem, path: joined(prefix, problem.path) });
    }
  }
}

/** What a `DcError` says. @throws the error, when it is none. */
export function problemsIn(error: unknown): readonly IProblem[] {
  if (!(error instanceof DcError)) throw error;
  const { message, problems } = error;
  return problems.length > 0 ? problems : [{ path: '', message }];
}

function joined(prefix: string, path: string): string {
  return prefix === '' || path === '' ? prefix + path : `${prefix}.${path}`;
}
