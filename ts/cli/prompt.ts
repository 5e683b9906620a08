import { type ITerminal, UsageError } from './command.ts';

const secretBytesMax = 65_536;

/**
 * Asks for something that must not be seen: on a terminal without an echo, else all of standard
 * input (less one line end).
 * @throws UsageError when it is interrupted (Ctrl-C, Ctrl-D), or longer than 64 KiB.
 */
export async function readSecret(terminal: ITerminal, question: string): Promise<string> {
  const { stdin, stderr } = terminal;
  const raw = stdin as Partial<NodeJS.ReadStream>;
  if (stdin.isTTY !== true || raw.setRawMode === undefined) return await readAll(stdin);
  stderr.write(question);
  raw.setRawMode(true);
  try {
    return await readLine(stdin);
  } finally {
    raw.setRawMode(false);
    stderr.write('\n');
  }
}

/** All of a stream as text, less one line end. @throws UsageError above 64 KiB. */
async function readAll(stream: NodeJS.ReadableStream): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream) {
    const bytes = Buffer.from(chunk);
    size += bytes.length;
    if (size > secretBytesMax)
      throw new UsageError(`Standard input has more than ${secretBytesMax} bytes`);
    chunks.push(bytes);
  }
  return Buffer.concat(chunks)
    .toString('utf8')
    .replace(/\r?\n$/, '');
}

function readLine(stream: NodeJS.ReadableStream): Promise<string> {
  return new Promise((resolve, reject) => {
    let typed: string[] = [];
    stream.setEncoding('utf8');
    const onData = (text: string | Buffer): void => {
      const characters = [...String(text)];
      for (const [index, character] of characters.entries()) {
        if (character === '\r' || character === '\n') {
          end(() => resolve(typed.join('')));
          // Typed ahead: it answers the next question.
          const rest = characters.slice(index + 1).join('');
          if (rest !== '') stream.unshift(rest, 'utf8');
          return;
        }
        // Ctrl-C, Ctrl-D
        if (character === '\u0003' || character === '\u0004') {
          end(() => reject(new UsageError('Interrupted')));
          return;
        }
        // Backspace and Ctrl-U
        if (character === '\u007f' || character === '\b') typed.pop();
        else if (character === '\u0015') typed = [];
        else if (character >= ' ') typed.push(character);
      }
    };
    const onEnd = (): void => end(() => reject(new UsageError('Interrupted')));
    const end = (settle: () => void): void => {
      stream.off('data', onData);
      stream.off('end', onEnd);
      stream.pause();
      settle();
    };
    stream.on('data', onData);
    stream.on('end', onEnd);
    stream.resume();
  });
}
