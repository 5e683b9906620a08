import type { IWebService } from '../../net/web-service.ts';
import type { IMainChannel } from './main-channel.ts';
import type { IAskedOfMain, IRemoteService } from './protocol.ts';
import type { Questions } from './questions.ts';

/** Requests that main is being asked to answer; further ones get 503. */
const requestsMax = 1000;

/** A service of the main process, which answers for it, in a worker. */
export function remoteService(
  service: IRemoteService,
  questions: Questions<IAskedOfMain>,
  channel: Pick<IMainChannel, 'unsent'>,
): IWebService {
  const { name } = service;
  return {
    ...service,
    handle: async (request) => {
      if (questions.size >= requestsMax || channel.unsent >= requestsMax) {
        return { status: 503, headers: { 'Retry-After': '1' }, body: Buffer.alloc(0) };
      }
      const answer = await questions.ask('service', { name, request });
      return { ...answer, body: bufferOf(answer.body) };
    },
  };
}

/** Bytes that came from another process. */
export function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
