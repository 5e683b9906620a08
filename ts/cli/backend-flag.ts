import type { TBackendInput } from '../../ts_interfaces/index.ts';
import { nearest } from '../config/nearest.ts';
import { UsageError } from './command.ts';

const settingNames = ['weight', 'id'];

/**
 * Reads `HOST:PORT[,weight=N][,id=ID]`; HOST may be an IPv6 address in brackets, `http://` or
 * `https://` may stand before it, and `unix:/path` names a socket.
 * @throws UsageError
 */
export function parseBackendFlag(text: string): TBackendInput {
  const [address = '', ...settings] = text.split(',');
  const backend = parseAddress(address, text);
  for (const setting of settings) {
    const [name = '', value = ''] = setting.split('=', 2);
    if (name === 'weight' && /^\d+$/.test(value)) backend.weight = Number(value);
    else if (name === 'id' && value !== '') backend.id = value;
    else throw wrongSetting(name, setting);
  }
  return backend;
}

function parseAddress(address: string, text: string): TBackendInput {
  const socketPath = /^unix:(\/.+)$/.exec(address)?.[1];
  if (socketPath !== undefined) return { hostname: 'localhost', port: 80, socketPath };
  const match = /^(?:(https?):\/\/)?(\[[0-9A-Fa-f:.]+\]|[^\s:/[\]@]+)(?::(\d{1,5}))?\/?$/.exec(
    address,
  );
  const [, scheme, host, given] = match ?? [];
  const port = given ?? { http: '80', https: '443' }[scheme ?? ''];
  if (host === undefined || port === undefined) {
    throw new UsageError(`--backend must be HOST:PORT, e.g. 127.0.0.1:3000, not "${text}"`);
  }
  return {
    hostname: host.replace(/^\[|\]$/g, ''),
    port: Number(port),
    ...(scheme === 'https' ? { tls: {} } : {}),
  };
}

function wrongSetting(name: string, setting: string): UsageError {
  const suggestion = settingNames.includes(name) ? undefined : nearest(name, settingNames);
  const hint = suggestion === undefined ? '' : `. Did you mean "${suggestion}"?`;
  return new UsageError(`--backend takes weight=NUMBER and id=NAME, not "${setting}"${hint}`);
}
