import { type IMasked, mask } from './mask.ts';

/** A file of the repository, as the rules see it. */
export interface ISource {
  /** From the repository's root, with `/`. */
  path: string;
  text: string;
  lines: string[];
  masked: IMasked;
}

/** Something that the house style forbids. */
export interface IViolation {
  /** Counted from 1. */
  line: number;
  message: string;
}

/** Sample that proves a rule: the text, and how many violations the rule must find in it. */
export interface ISample {
  path: string;
  text: string;
  violations: number;
}

/** A rule of the house style. */
export interface IRule {
  name: string;
  /** Which files it looks at. */
  applies(path: string): boolean;
  check(source: ISource): IViolation[];
  /** At least one that breaks the rule, and one that comes close and does not. */
  samples: ISample[];
}

/** Reads nothing: the text is given. */
export function sourceOf(path: string, text: string): ISource {
  return { path, text, lines: text.split('\n'), masked: mask(text) };
}

/** Every match of a global pattern as a violation, at its line. */
export function found(text: string, pattern: RegExp, message: string): IViolation[] {
  return Array.from(text.matchAll(pattern), (match) => ({
    line: text.slice(0, match.index).split('\n').length,
    message: `${message}: ${match[0].trim()}`,
  }));
}

/** Whether the path is code of ours. */
export function isCode(path: string): boolean {
  return /\.(ts|js)$/.test(path);
}

/** Whether the path belongs to the product, and not to its tests or tools. */
export function isProduct(path: string): boolean {
  return /^(ts|ts_interfaces)\/.*\.ts$/.test(path);
}
