import { nearest } from '../config/nearest.ts';
import { optionsOf } from './arguments.ts';
import { type ICommandSpec, type TCommandRun, UsageError } from './command.ts';
import { commands } from './commands.ts';

const writers: Readonly<Record<string, () => string>> = { bash, zsh, fish };

/** `dcrouter completion bash|zsh|fish` */
export const completion: TCommandRun = async ({ arguments: given, output }) => {
  const [shell = ''] = given.positionals;
  const write = Object.hasOwn(writers, shell) ? writers[shell] : undefined;
  if (write === undefined) {
    const suggestion = nearest(shell, Object.keys(writers));
    const hint = suggestion === undefined ? '' : `. Did you mean "${suggestion}"?`;
    throw new UsageError(`There is completion for bash, zsh and fish, not for "${shell}"${hint}`);
  }
  output.text(write());
  return 0;
};

/** Words that may follow the words of a command. */
function wordsAfter(words: readonly string[]): string[] {
  const next = commands
    .filter(({ path }) => words.every((word, index) => path[index] === word))
    .map(({ path }) => path[words.length])
    .filter((word) => word !== undefined);
  return [...new Set(next)];
}

/** Words that stand before other words, e.g. `tcp` and `tcp domain`, by how many they are. */
function groups(depth: number): string[] {
  const found = commands
    .filter(({ path }) => path.length > depth)
    .map(({ path }) => path.slice(0, depth).join(' '));
  return [...new Set(found)];
}

/** More words than these no command has before its last one. */
const depths = [1, 2] as const;

/** Flags whose value is a file or folder. */
const fileFlags: readonly string[] = ['config', 'file', 'key', 'cert', 'data-dir', 'previous'];

function flagsOf(command: ICommandSpec): string[] {
  return Object.keys(optionsOf(command)).map((name) => `--${name}`);
}

function bash(): string {
  const cases = commands.map((command) => {
    return `    '${command.path.join(' ')}') words='${flagsOf(command).join(' ')}' ;;`;
  });
  const subcommands = depths
    .flatMap(groups)
    .map((group) => `    '${group}') words='${wordsAfter(group.split(' ')).join(' ')}' ;;`);
  const steps = depths.map((depth) => {
    const cases = groups(depth).map((group) => `'${group}'`);
    const word = `\${COMP_WORDS[${depth + 1}]}`;
    return `  case "$command" in
    ${cases.join('|')}) (( COMP_CWORD > ${depth + 1} )) && command="$command ${word}" ;;
  esac`;
  });
  return `# bash completion of dcrouter: source <(dcrouter completion bash)
_dcrouter() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" words='' command=''
  case "$previous" in
    -c|-f|--config|--file|--key|--cert|--previous) COMPREPLY=($(compgen -f -- "$current")); return ;;
    --data-dir) COMPREPLY=($(compgen -d -- "$current")); return ;;
  esac
  command="\${COMP_WORDS[1]}"
${steps.join('\n')}
  (( COMP_CWORD == 1 )) && command=''
  case "$command" in
    '') words='${wordsAfter([]).join(' ')}' ;;
${subcommands.join('\n')}
${cases.join('\n')}
  esac
  [[ "$command" == completion && "$current" != -* ]] && words='bash zsh fish'
  case "$command" in
    validate|'access set'|'dns check'|'dns zone import')
      [[ "$current" != -* ]] && { COMPREPLY=($(compgen -f -- "$current")); return; } ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -F _dcrouter dcrouter
`;
}

function zsh(): string {
  const described = (words: readonly string[]): string => {
    return wordsAfter(words)
      .map((word) => `'${word}:${zshText(summaryOf([...words, word]))}'`)
      .join(' ');
  };
  const steps = depths.map((depth) => {
    const cases = groups(depth).map((group) => {
      const words = described(group.split(' '));
      const answer = `local -a sub=(${words}); _describe command sub; return`;
      return `    '${group}') (( CURRENT == ${depth + 2} )) && { ${answer} } ;;`;
    });
    const known = groups(depth).map((group) => `'${group}'`);
    return `  case "$command" in
${cases.join('\n')}
  esac
  case "$command" in
    ${known.join('|')}) command="$command $words[${depth + 2}]" ;;
  esac`;
  });
  const cases = commands.map((command) => {
    const specs = Object.entries(optionsOf(command)).map(([name, { type, description }]) => {
      const files = fileFlags.includes(name) ? '_files' : ' ';
      return `'--${name}[${zshText(description)}]${type === 'string' ? `:value:${files}` : ''}'`;
    });
    const rest =
      command.path[0] === 'completion' ? "'*:shell:(bash zsh fish)'" : "'*:argument:_files'";
    return `    '${command.path.join(' ')}') _arguments ${[...specs, rest].join(' ')} ;;`;
  });
  return `#compdef dcrouter
# zsh completion of dcrouter: dcrouter completion zsh > "\${fpath[1]}/_dcrouter"
_dcrouter() {
  if (( CURRENT == 2 )); then
    local -a verbs=(${described([])})
    _describe command verbs
    return
  fi
  local command="$words[2]"
${steps.join('\n')}
  case "$command" in
${cases.join('\n')}
  esac
}
if [ "$funcstack[1]" = "_dcrouter" ]; then _dcrouter "$@"; else compdef _dcrouter dcrouter; fi
`;
}

function fish(): string {
  const lines = [
    '# fish completion of dcrouter: dcrouter completion fish | source',
    'complete -c dcrouter -f',
  ];
  for (const word of wordsAfter([])) {
    const text = fishText(summaryOf([word]));
    lines.push(`complete -c dcrouter -n __fish_use_subcommand -a ${word} -d '${text}'`);
  }
  for (const group of depths.flatMap(groups).map((text) => text.split(' '))) {
    const words = wordsAfter(group);
    const seen = `${fishSeen(group)}; and not __fish_seen_subcommand_from ${words.join(' ')}`;
    for (const word of words) {
      const text = fishText(summaryOf([...group, word]));
      lines.push(`complete -c dcrouter -n '${seen}' -a ${word} -d '${text}'`);
    }
  }
  for (const command of commands) {
    const seen = fishSeen(command.path);
    for (const [name, { type, description, short }] of Object.entries(optionsOf(command))) {
      const letter = short === undefined ? '' : ` -s ${short}`;
      const value = type === 'string' ? ' -r' : '';
      const files = fileFlags.includes(name) ? ' -F' : '';
      const text = fishText(description);
      lines.push(
        `complete -c dcrouter -n '${seen}' -l ${name}${letter}${value}${files} -d '${text}'`,
      );
    }
  }
  lines.push("complete -c dcrouter -n '__fish_seen_subcommand_from completion' -a 'bash zsh fish'");
  lines.push("complete -c dcrouter -n '__fish_seen_subcommand_from validate' -F");
  const zoneFile = '__fish_seen_subcommand_from dns; and __fish_seen_subcommand_from check import';
  lines.push(`complete -c dcrouter -n '${zoneFile}' -F`);
  return `${lines.join('\n')}\n`;
}

/** `tcp add` is seen in `tcp domain add` too, which is another command. */
function fishSeen(path: readonly string[]): string {
  const before = path.slice(0, -1);
  const others =
    path.length < 2
      ? []
      : groups(path.length).filter((group) => {
          return group.startsWith(`${before.join(' ')} `) && group !== path.join(' ');
        });
  const words = others.map((group) => group.split(' ').at(-1));
  const seen = path.map((word) => `__fish_seen_subcommand_from ${word}`).join('; and ');
  return words.length === 0
    ? seen
    : `${seen}; and not __fish_seen_subcommand_from ${words.join(' ')}`;
}

function summaryOf(words: readonly string[]): string {
  const found = commands.find(({ path }) => path.join(' ') === words.join(' '));
  return found?.summary ?? `${wordsAfter(words).join(', ')}`;
}

function zshText(text: string): string {
  return text.replace(/'/g, "'\\''").replace(/[[\]:]/g, '\\$&');
}

function fishText(text: string): string {
  return text.replace(/[\\']/g, '\\$&');
}
