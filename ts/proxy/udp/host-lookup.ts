import { lookup as lookupByDns } from 'node:dns';
import { isIP } from 'node:net';

/** Says the address of a name; for an address at once, before it returns. */
export type ILookup = (
  host: string,
  done: (error: NodeJS.ErrnoException | null, address: string) => void,
) => void;

/**
 * Looks names up as the machine does (hosts file, DNS). Who asks for a name that is being looked up
 * gets the same answer, so a flood of new sessions does not take every thread of the process.
 *
 * @param resolve for tests. @default Node's
 */
export function sharedLookup(resolve: ILookup = resolveByDns): ILookup {
  const asked = new Map<string, Parameters<ILookup>[1][]>();
  return (host, done) => {
    if (isIP(host) !== 0) {
      done(null, host);
      return;
    }
    const waiting = asked.get(host);
    if (waiting !== undefined) {
      waiting.push(done);
      return;
    }
    const all = [done];
    asked.set(host, all);
    resolve(host, (error, address) => {
      asked.delete(host);
      for (const each of all) each(error, address);
    });
  };
}

const resolveByDns: ILookup = (host, done) => {
  lookupByDns(host, (error, address) => done(error, address));
};

/** For sockets that only ever get addresses: they then connect and send without waiting a turn. */
export function literalLookup(
  address: string,
  _options: unknown,
  done: (error: null, address: string, family: number) => void,
): void {
  done(null, address, isIP(address));
}
