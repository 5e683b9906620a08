import { type ILogger, silentLogger } from '../../ts/core/logger.ts';
import type { IAuthRequest, IAuthVerdict } from '../../ts_interfaces/index.ts';

/** A request as an auth provider sees it. */
export function authRequest(rest: Partial<IAuthRequest> = {}): IAuthRequest {
  return {
    id: 'id-1',
    method: 'GET',
    uri: '/path?query',
    host: 'example.test',
    protocol: 'https',
    clientIp: '192.0.2.1',
    routeId: 'route-1',
    headers: {},
    ...rest,
  };
}

/** A logger that keeps the names of the events. */
export function recordingLogger(): { logger: ILogger; events: string[] } {
  const events: string[] = [];
  const record = (event: string) => {
    events.push(event);
  };
  return { logger: { ...silentLogger, warn: record, info: record }, events };
}

/** `allow` or the status of the refusal. */
export function short(verdict: IAuthVerdict): string {
  return verdict.allow ? 'allow' : String(verdict.status ?? 401);
}
