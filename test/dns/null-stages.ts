import type { Zone } from '../../ts/dns/zone/zone.ts';
import type {
  IDynamics,
  IExpanded,
  IExpansion,
  IPreparedSigning,
  ISigning,
  IZoneIdentity,
} from '../../ts/dns/zones/stages.ts';

/** Nothing is expanded: ALIAS and health records are not answered. */
export class NullExpansion implements IExpansion {
  onChanged: (id: string) => void = () => undefined;

  expand(_zone: IZoneIdentity, _source: Zone, { aliases }: IDynamics): IExpanded {
    const changes = aliases.map(({ name, type, ttl }) => ({ name, type, ttl, rdatas: [] }));
    return { changes, draws: [], warnings: [] };
  }

  served(): void {
    // There is nothing to follow.
  }

  async stop(): Promise<void> {
    // There is nothing to stop.
  }
}

/** No zone is signed. */
export class NullSigning implements ISigning {
  onChanged: (id: string) => void = () => undefined;

  async load(): Promise<void> {
    // There are no keys.
  }

  async prepare(): Promise<IPreparedSigning> {
    return { signing: null };
  }

  apply(): void {
    // Nothing is signed.
  }

  discard(): void {
    // Nothing was made.
  }

  signingOf(): null {
    return null;
  }

  removed(): void {
    // Nothing was signed.
  }

  async pause(): Promise<void> {
    // There are no keys.
  }

  resume(): void {
    // There are no keys.
  }

  async stop(): Promise<void> {
    // There is nothing to stop.
  }
}
