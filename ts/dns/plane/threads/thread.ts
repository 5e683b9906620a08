/** A thread that answers DNS by UDP: it does what the main thread tells it. */
import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../../../core/clock.ts';
import { CidrSet } from '../../../net/cidr.ts';
import type { IPortAddress } from '../../../net/ports.ts';
import { PresignedSigner } from '../../answer/presigned.ts';
import type { IAnswerSigner } from '../../answer/signer.ts';
import { ZoneSigner } from '../../dnssec/zone-signer.ts';
import type { Zone } from '../../zone/zone.ts';
import { signerOf, signingKeysOf } from '../../zones/signing/signer-replica.ts';
import { Front } from '../front.ts';
import { type IUdpPort, LocalUdpPorts } from '../udp-ports.ts';
import type { IViewedZone } from '../view-zones.ts';
import type {
  IThreadData,
  IZoneOrder,
  TContentOrder,
  TListTexts,
  TSignerOrder,
  TThreadOrder,
  TThreadReport,
} from './messages.ts';
import { Relay } from './relay.ts';
import { withChanges, ZoneAssembler } from './zone-bytes.ts';

const port = parentPort;
if (port === null) throw new Error('This module is for a thread only');

const post = (report: TThreadReport): void => port.postMessage(report);
const onFault = (error: unknown): void => post({ type: 'fault', error });

const { share } = workerData as IThreadData;
const lists = new Map<string, CidrSet>();
const relay = new Relay((asks) => post({ type: 'asks', asks }));
const front = new Front({
  clock: systemClock,
  lists,
  bus: null,
  special: () => relay,
  foreign: (clients) => relay.foreign(clients),
  share,
});
const udp = new LocalUdpPorts({ front, clock: systemClock, onFault });
const ports = new Map<number, IUdpPort>();
const zones = new Map<string, IViewedZone>();
const assembler = new ZoneAssembler();

port.on('message', (order: TThreadOrder) => {
  switch (order.type) {
    case 'plan':
      useLists(order.lists);
      front.use(order.plan);
      udp.useRate();
      return;
    case 'lists':
      useLists(order.lists);
      return;
    case 'part':
      assembler.add(order.bytes);
      return;
    case 'zone':
      setZone(order);
      return;
    case 'removed':
      removeZone(order.id);
      return;
    case 'bind':
      void bind(order.key, order.address, order.isLate);
      return;
    case 'open':
      ports.get(order.key)?.open();
      return;
    case 'close':
      ports.get(order.key)?.close();
      ports.delete(order.key);
      return;
    case 'sync':
      void udp.closed().then(() => post({ type: 'synced', id: order.id }));
      return;
    case 'count': {
      const { counters } = front;
      const counts = { numbers: counters.numbers(), top: counters.top.entries() };
      post({ type: 'counts', id: order.id, counts });
      return;
    }
    case 'answers':
      relay.take(order.answers);
      return;
    case 'stop':
      for (const one of ports.values()) one.close();
      port.close();
  }
});

function useLists(texts: TListTexts): void {
  lists.clear();
  for (const [name, cidrs] of Object.entries(texts)) lists.set(name, new CidrSet(cidrs));
}

async function bind(key: number, address: IPortAddress, isLate: boolean): Promise<void> {
  try {
    const bound = await udp.bind(address, isLate);
    ports.set(key, bound);
    post({ type: 'bound', key, address: bound.address, port: bound.port });
  } catch (error) {
    post({ type: 'bindFailed', key, message: (error as Error).message });
  }
}

function setZone({ id, apex, view, state, content, signer, draws }: IZoneOrder): void {
  const before = zones.get(id);
  const zone = zoneOf(content, Buffer.from(apex), before);
  const served =
    zone === null
      ? null
      : {
          zone,
          signer: signerFor(signer, zone, before),
          draws: draws.map((draw) => ({ ...draw, name: Buffer.from(draw.name) })),
        };
  const viewed = { id, apex: Buffer.from(apex), view, state, served };
  zones.set(id, viewed);
  front.zones.set(viewed);
}

function zoneOf(content: TContentOrder, apex: Buffer, before: IViewedZone | undefined) {
  switch (content.kind) {
    case 'absent':
      return null;
    case 'whole':
      return assembler.finish(apex, content.recordCount);
    case 'changes': {
      const older = before?.served?.zone;
      if (older === undefined) throw new Error('Changes of a zone came that is not there');
      return withChanges(older, content.bytes, content.recordCount);
    }
  }
}

function signerFor(
  order: TSignerOrder,
  zone: Zone,
  before: IViewedZone | undefined,
): IAnswerSigner | null {
  const known = before?.served?.signer ?? null;
  switch (order.kind) {
    case 'none':
      return null;
    case 'kept':
      return PresignedSigner.of(zone, known);
    case 'same':
      return known;
    case 'new':
      return signerOf(order.copy);
    case 'keys': {
      if (!(known instanceof ZoneSigner)) return signerOf(order.copy);
      known.setKeys(signingKeysOf(order.copy));
      return known;
    }
  }
}

function removeZone(id: string): void {
  const zone = zones.get(id);
  if (zone === undefined) return;
  zones.delete(id);
  front.zones.remove(zone);
}
