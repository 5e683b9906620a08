/** A zone, made of its seed. */
export interface IRandomZone {
  /** With its dot. */
  readonly apex: string;
  /** Master file. */
  readonly text: string;
}

/** Numbers from 0 to 1 that are the same for the same seed. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * A zone of few labels, so that names meet: wildcards at all depths, empty non-terminals, delegations with glue
 * and inside of each other, DNAME, aliases that lead anywhere (also around in a circle), and many types.
 * All servers read it.
 */
export function randomZone(apex: string, seed: number): IRandomZone {
  const { below, pick, chance, upTo } = tools(seed);
  const owners = ownersOf({ pick, chance, upTo });
  const names = (): string =>
    below(apex, pick([...owners, ...owners, 'x.a', 'nowhere', 'z.b.c'])).replace('*', () =>
      pick(['*', 'x', 'y.x']),
    );
  const target = (): string => (chance(0.2) ? pick([apex, 'host.example.']) : names());
  const address = (): string => `192.0.2.${upTo(250)}`;
  const makers: Readonly<Record<string, () => string>> = {
    A: address,
    AAAA: () => `2001:db8::${upTo(9)}`,
    TXT: () => `"${'t'.repeat(upTo(90))}"`,
    MX: () => `${upTo(50)} ${target()}`,
    SRV: () => `1 2 80 ${target()}`,
    SVCB: () => `1 ${target()} alpn=h2`,
    HTTPS: () => `0 ${target()}`,
    NAPTR: () => `1 2 "a" "x" "" ${target()}`,
    AFSDB: () => `1 ${target()}`,
    PTR: target,
    TYPE65280: () => '\\# 2 0102',
  };
  const lines = new Set([
    `$TTL ${pick([60, 300])}`,
    `${apex} ${pick([30, 3600])} SOA ns1 h 1 7200 900 1209600 ${pick([60, 7200])}`,
    `${apex} NS ns1.${apex}`,
    `ns1.${apex} A 192.0.2.1`,
  ]);
  const dnames: string[] = [];
  for (const owner of owners) {
    if (dnames.some((above) => owner.endsWith(`.${above}`))) continue;
    const name = below(apex, owner);
    const kind = upTo(10);
    // DNAME and NS at a wildcard are read by some servers only.
    if (kind === 1) {
      lines.add(`${name} CNAME ${target()}`);
    } else if (kind === 2 && !owner.includes('*')) {
      dnames.push(owner);
      lines.add(`${name} DNAME ${target()}`).add(`${name} TXT "beside"`);
    } else if (kind <= 4 && !owner.includes('*')) {
      const server = pick([`ns.${name}`, `ns.${name}`, name, `ns1.${apex}`, names()]);
      lines.add(`${name} NS ${server}`);
      if (server.endsWith(name)) lines.add(`${server} A ${address()}`);
      if (chance(0.3)) lines.add(`${name} DS 1 13 2 ${'ab'.repeat(32)}`);
    } else {
      const type = pick(Object.keys(makers));
      for (let count = chance(0.1) ? 40 : upTo(3); count > 0; count--) {
        lines.add(`${name} ${type} ${makers[type]?.()}`);
      }
    }
  }
  return { apex, text: `${[...lines].join('\n')}\n` };
}

interface ITools {
  pick<T>(choices: readonly T[]): T;
  chance(share: number): boolean;
  /** A whole number from 1. */
  upTo(max: number): number;
}

function tools(seed: number): ITools & { below(apex: string, name: string): string } {
  const random = randomOf(seed);
  return {
    pick: <T>(choices: readonly T[]): T => choices[Math.floor(random() * choices.length)] as T,
    chance: (share) => random() < share,
    upTo: (max) => 1 + Math.floor(random() * max),
    below: (apex, name) => `${name}.${apex}`,
  };
}

/** Relative names, those nearest to the apex first. */
function ownersOf({ pick, chance, upTo }: ITools): string[] {
  const owners = new Set<string>();
  for (let count = 10 + upTo(12); count > 0; count--) {
    const labels = Array.from({ length: upTo(4) }, () => pick(['a', 'b', 'c']));
    if (chance(0.25)) labels[0] = '*';
    if (chance(0.1)) labels[labels.length - 1] = '*';
    owners.add(labels.join('.'));
  }
  return [...owners].sort((one, other) => one.split('.').length - other.split('.').length);
}
