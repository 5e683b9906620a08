import type { TToMain } from './protocol.ts';

/** How a worker reaches main. */
export interface IMainChannel {
  /** @param onSent called when the message is out. */
  send(message: TToMain, onSent?: () => void): void;
  /** Messages that are still on their way to main. */
  readonly unsent: number;
  /** Ends the process. */
  exit(code: number): void;
}
