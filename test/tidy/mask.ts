/** TypeScript source with its comments, and the contents of its strings, blanked out. */
export interface IMasked {
  /** Comments blanked; strings kept. */
  withoutComments: string;
  /** Comments and the contents of strings, templates and regular expressions blanked. */
  code: string;
}

const regexpBefore =
  /(?:^|[(,=:[!&|?{};+\-*%<>~^]|\b(?:return|typeof|case|in|of|do|else|yield|await))\s*$/;

/**
 * Blanks comments and strings, keeping every line break and column, so that a search for code finds
 * only code.
 *
 * It knows strings, templates with nested `${}`, comments, and regular expressions by the token
 * before their slash. It is no parser: sources that the formatter accepts are enough for it.
 */
export function mask(source: string): IMasked {
  const withoutComments = source.split('');
  const code = source.split('');
  // One entry per open template: how many braces are open inside its `${`.
  const templates: number[] = [];
  let at = 0;

  const blank = (target: string[], from: number, to: number): void => {
    for (let i = from; i < to; i++) if (target[i] !== '\n') target[i] = ' ';
  };
  const quoted = (end: RegExp): void => {
    end.lastIndex = at + 1;
    const stop = end.exec(source) === null ? source.length - 1 : end.lastIndex - 1;
    blank(code, at + 1, stop);
    at = stop + 1;
  };
  const template = (): void => {
    const end = /(?<!\\)(?:\\\\)*(`|\$\{)/g;
    end.lastIndex = at;
    const found = end.exec(source);
    const stop = found === null ? source.length : end.lastIndex;
    blank(code, at, stop - (found?.[1]?.length ?? 0));
    if (found?.[1] === '${') templates.push(0);
    at = stop;
  };

  while (at < source.length) {
    const two = source.slice(at, at + 2);
    const one = two[0];
    if (two === '//' || two === '/*') {
      const end = two === '//' ? source.indexOf('\n', at) : source.indexOf('*/', at + 2) + 2;
      const stop = end <= 1 ? source.length : end;
      blank(code, at, stop);
      blank(withoutComments, at, stop);
      at = stop;
    } else if (one === "'" || one === '"') {
      quoted(one === "'" ? /(?<!\\)(?:\\\\)*['\n]/g : /(?<!\\)(?:\\\\)*["\n]/g);
    } else if (one === '`') {
      at++;
      template();
    } else if (one === '/' && regexpBefore.test(code.slice(Math.max(0, at - 40), at).join(''))) {
      const literal = /\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\//y;
      literal.lastIndex = at;
      const stop = literal.test(source) ? literal.lastIndex : at + 1;
      blank(code, at + 1, stop - 1);
      at = stop;
    } else if (one === '}' && templates.at(-1) === 0) {
      templates.pop();
      at++;
      template();
    } else {
      if (templates.length > 0 && one === '{') templates.push((templates.pop() ?? 0) + 1);
      if (templates.length > 0 && one === '}') templates.push((templates.pop() ?? 1) - 1);
      at++;
    }
  }
  return { withoutComments: withoutComments.join(''), code: code.join('') };
}
