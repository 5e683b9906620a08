import type { LayeredItems } from '../config/layers.ts';
import { DcError, type TErrorCode } from '../core/errors.ts';
import type { IStoreChange } from '../storage/store.ts';
import { checkPrecondition, type IPrecondition } from './entity-tag.ts';
import { checkSameName, type IItemWords, notAnObject } from './item-input.ts';
import { isObject, mergePatch } from './merge-patch.ts';
import {
  cursorAfter,
  type IPage,
  type IPageQuery,
  nameOfCursor,
  pageLimitDefault,
} from './paging.ts';
import { pageOf } from './route-index.ts';
import { type ControlState, type IItems, overlayChange, type TItemKind } from './state.ts';

/** A change of one item: added (no `before`), replaced, or removed (no `after`). */
export interface IItemChange<T> {
  key: string;
  before: T | undefined;
  after: T | undefined;
}

/** What is particular to a kind of items. */
export interface IItemKind<T extends object, TPrepared = void> extends IItemWords {
  readonly kind: TItemKind;
  readonly unknown: TErrorCode;
  readonly exists: TErrorCode;
  /** The key of what a selector stands for. @default the selector itself, where it is a key */
  find?(selector: string): string | undefined;
  /** What a selector that stands for nothing is answered with. */
  unknownMessage(selector: string): string;
  /**
   * Makes an item of an input.
   * @param name that the item gets when the input has none.
   * @param current what it replaces; masks in the input stand for its secrets.
   * @throws DcError
   */
  parse(input: unknown, name: string | undefined, current: T | undefined): T;
  keyOf(item: T): string;
  /** Whether a new item may come by this selector. @default its key is the selector */
  namedBy?(item: T, selector: string): boolean;
  /** The entity tag of an item that is there. */
  tag(key: string): string | Promise<string>;
  /** Checks and compiles a change; nothing has changed yet. @throws DcError */
  prepare(change: IItemChange<T>): TPrepared | Promise<TPrepared>;
  /** What else is stored with a change, in the same step. */
  storedAlso?(change: IItemChange<T>): IStoreChange[];
  /** Makes it live. Never throws. */
  swap(prepared: TPrepared, change: IItemChange<T>): void;
  /** Gives up what was prepared. */
  discard?(prepared: TPrepared): Promise<void>;
}

/**
 * Items that a file and the API both make: those of the file with what was changed over them.
 *
 * A change is checked, compiled, stored (synced) and only then live, and its promise resolves when
 * every process serves it; when it rejects, nothing has changed.
 */
export class ItemStore<T extends IItems[TItemKind], TPrepared = void> {
  private readonly state: ControlState;
  private readonly kind: IItemKind<T, TPrepared>;

  constructor(state: ControlState, kind: IItemKind<T, TPrepared>) {
    this.state = state;
    this.kind = kind;
  }

  /** The items; a rebase puts others in their place. */
  get layers(): LayeredItems<T> {
    // A kind's items are of its type; the compiler cannot see which kind it is.
    return this.state[this.kind.kind] as unknown as LayeredItems<T>;
  }

  /** @throws DcError when it is unknown. */
  config(key: string): T {
    return this.get(key).value;
  }

  /** @throws DcError when it is unknown. */
  get(key: string): { value: T; origin: 'file' | 'api' | 'api-over-file' } {
    const found = this.layers.get(key);
    if (found === undefined) throw this.unknown(key);
    return found;
  }

  /** A page of the keys in order. @throws ApiError `REQUEST_INVALID` (400) for a foreign cursor. */
  page({ limit = pageLimitDefault, cursor }: IPageQuery = {}): IPage<string> {
    const keys = [...this.layers.entries()].map(([key]) => key).sort();
    const page = pageOf(keys, nameOfCursor(cursor), limit);
    return { items: page.ids, total: keys.length, nextCursor: cursorAfter(page.next) };
  }

  /** The key that a selector stands for; undefined: none. */
  find(selector: string): string | undefined {
    if (this.layers.get(selector) !== undefined) return selector;
    return this.kind.find?.(selector);
  }

  /** The same. @throws DcError when it stands for none, with the problems of one that is disabled. */
  resolve(selector: string): string {
    const key = this.find(selector);
    if (key === undefined) throw this.unknown(selector);
    return key;
  }

  /** Adds an item; resolves with its key. */
  add(input: unknown): Promise<string> {
    return this.change(async () => {
      const item = this.kind.parse(input, undefined, undefined);
      const key = this.kind.keyOf(item);
      this.checkFree(key);
      await this.save({ key, before: undefined, after: item });
      return key;
    });
  }

  /** Replaces an item, or adds it under the name that the selector is. */
  put(
    selector: string,
    input: unknown,
    precondition?: IPrecondition,
  ): Promise<{ key: string; created: boolean }> {
    return this.change(async () => {
      const { kind } = this;
      const found = this.find(selector);
      const before = found === undefined ? undefined : this.config(found);
      const tag = found === undefined ? undefined : await kind.tag(found);
      checkPrecondition(precondition, tag);
      const after = kind.parse(input, found ?? selector, before);
      const key = kind.keyOf(after);
      if (found === undefined) {
        const isNamed = kind.namedBy?.(after, selector) ?? key === selector;
        if (!isNamed) checkSameName(kind, key, selector, true);
        this.checkFree(key);
      } else {
        checkSameName(kind, key, found);
      }
      await this.save({ key, before, after });
      return { key, created: before === undefined };
    });
  }

  /** Changes members by a JSON merge patch (RFC 7396); resolves with the key. */
  patch(selector: string, patch: unknown, precondition?: IPrecondition): Promise<string> {
    return this.edit(selector, precondition, (current) => {
      if (!isObject(patch)) throw notAnObject(this.kind);
      return mergePatch(current, patch);
    });
  }

  /** Changes an item in its turn: `change` makes the new one, which is checked like any input. */
  edit(
    selector: string,
    precondition: IPrecondition | undefined,
    change: (current: T) => unknown,
  ): Promise<string> {
    return this.change(async () => {
      const key = this.resolve(selector);
      checkPrecondition(precondition, await this.kind.tag(key));
      const before = this.config(key);
      const after = this.kind.parse(change(before), undefined, before);
      checkSameName(this.kind, this.kind.keyOf(after), key);
      await this.save({ key, before, after });
      return key;
    });
  }

  /** Removes an item. One of the file stays away until it is added again. */
  remove(selector: string, precondition?: IPrecondition): Promise<void> {
    return this.change(async () => {
      const { state, kind } = this;
      const disabled = state.disabled[kind.kind];
      if (this.find(selector) === undefined && disabled.has(selector)) {
        checkPrecondition(precondition, undefined);
        await state.store.write([overlayChange(kind.kind, selector, undefined)]);
        disabled.delete(selector);
        return;
      }
      const key = this.resolve(selector);
      checkPrecondition(precondition, await kind.tag(key));
      await this.save({ key, before: this.config(key), after: undefined });
    });
  }

  /** Runs a change in its turn; ends when every process serves it. */
  private async change<R>(task: () => Promise<R>): Promise<R> {
    const result = await this.state.serial.run(task);
    // Other changes may go on meanwhile.
    await this.state.live();
    return result;
  }

  private checkFree(key: string): void {
    if (this.layers.get(key) === undefined) return;
    const { exists, noun, nameOf } = this.kind;
    throw new DcError(exists, `A ${noun} has the ${nameOf} "${key}" already`);
  }

  /** Compiles, stores and swaps; runs in the turn of a change. */
  private async save(change: IItemChange<T>): Promise<void> {
    const { state, kind } = this;
    const { key, after } = change;
    const prepared = await kind.prepare(change);
    const { layers } = this;
    const entry = after === undefined ? layers.planRemove(key) : layers.planSet(key, after);
    const also = kind.storedAlso?.(change) ?? [];
    try {
      await state.store.write([overlayChange(kind.kind, key, entry), ...also]);
    } catch (error) {
      await kind.discard?.(prepared);
      throw error;
    }
    layers.apply(key, entry);
    state.disabled[kind.kind].delete(key);
    kind.swap(prepared, change);
  }

  private unknown(selector: string): DcError {
    const { kind, noun, unknown, unknownMessage } = this.kind;
    const disabled = this.state.disabled[kind].get(selector);
    if (disabled === undefined) return new DcError(unknown, unknownMessage(selector));
    return new DcError(unknown, `The ${noun} "${selector}" is disabled: it is not valid`, {
      problems: disabled.problems,
    });
  }
}
