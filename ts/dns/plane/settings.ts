import { randomBytes } from 'node:crypto';
import type { Store } from '../../storage/store.ts';
import { cookieSecretBytes } from '../codec/cookie.ts';

const collection = 'dns-settings';
const key = 'cookie-secret';

/**
 * The secret of our cookies in hex, made and kept the first time: clients' cookies stay good over a
 * restart, and at each of several processes.
 *
 * @throws DcError `STORE_FAILED` and others of the store.
 */
export async function keptCookieSecret(store: Store): Promise<string> {
  const kept = await store.get(collection, key);
  if (typeof kept === 'string' && Buffer.from(kept, 'hex').length === cookieSecretBytes) {
    return kept;
  }
  const secret = randomBytes(cookieSecretBytes).toString('hex');
  await store.write([{ collection, key, value: secret }]);
  return secret;
}
