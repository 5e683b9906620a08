import { isIP } from 'node:net';

/** For sockets that only ever get addresses: they then connect and send without waiting a turn. */
export function literalLookup(
  address: string,
  _options: unknown,
  done: (error: null, address: string, family: number) => void,
): void {
  done(null, address, isIP(address));
}
