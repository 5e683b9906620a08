import { createHash } from 'node:crypto';
import type { IConnectionRate } from '../../../ts_interfaces/index.ts';
import type { AddressLists } from '../../net/address-list.ts';
import { canonicalCidr } from '../../net/cidr.ts';
import type { IPortSpan } from '../tcp/ports.ts';
import type { IKernelGroup, IKernelPlan, IKernelTarget } from './kernel-plan.ts';

/** Our table: nobody else's rules are touched, and everything of ours goes with it. */
export const kernelTable = 'inet dcrouter';

/** Addresses that a limit per client remembers; the kernel lets further ones through unlimited. */
const limitedClientsMax = 65_535;

/** Seconds for which the rate of an address is remembered at least. */
const rateMemorySecondsMin = 60;

/** What one counter has counted. */
export interface IKernelCount {
  packets: number;
  bytes: number;
}

/** What is counted for each entry. */
export const kernelCounters = ['new', 'refused', 'in', 'out'] as const;

/** One of them: connections, refused packets, and all packets of each direction. */
export type TKernelCounter = (typeof kernelCounters)[number];

/** Begins the name of everything that belongs to an entry; no character of the id is in it. */
export function kernelName(id: string): string {
  return `e${createHash('sha256').update(id).digest('hex').slice(0, 16)}`;
}

/** The sets of an entry, and the chain that says where its new connections go. */
export interface IEntryBlock {
  readonly id: string;
  /** Equal texts are equal rules. */
  readonly text: string;
  /** Names that end in it are this block's alone; a changed block has another one. */
  readonly version: number;
  readonly sets: readonly string[];
}

/** What a ruleset is made of. */
export interface IRulesetParts {
  /** Names the counter that says whose table it is; letters, digits and `_`. */
  owner: string;
  plans: readonly IKernelPlan[];
  /** For `@name`; a list that is not there has nobody in it. */
  lists: Pick<AddressLists, 'get'>;
  /** The blocks that our table holds now; null: whatever is there is replaced. */
  before: readonly IEntryBlock[] | null;
}

/** A transaction, and what the table holds after it. */
export interface IRuleset {
  readonly text: string;
  readonly blocks: readonly IEntryBlock[];
}

/**
 * The transaction that makes our table hold these entries and nothing else. What did not change is
 * not touched, so its counters and limits go on. Everything that comes from outside is a number, an
 * address in normal form, or a digest: there is nothing to quote.
 */
export function rulesetOf({ owner, plans, lists, before }: IRulesetParts): IRuleset {
  const known = new Map(before?.map((block) => [block.id, block]));
  const version = 1 + Math.max(0, ...[...known.values()].map((block) => block.version));
  const blocks = plans.map((plan) => {
    const block = blockOf(plan, lists, version);
    const old = known.get(plan.id);
    return old !== undefined && old.text === block.text ? old : block;
  });
  const gone = [...known.values()].filter((block) => !blocks.includes(block));
  const names = blocks.map(chainNameOf);
  const dispatch = plans.map((plan, index) => `${entryMatch(plan)} jump ${names[index]}`);
  const counters = plans.flatMap((plan) => (known.has(plan.id) ? [] : countersOf(plan)));
  const isNew = before === null;
  const lines = [
    ...(isNew ? freshStart : updateStart(owner, gone, blocks)),
    `table ${kernelTable} {`,
    `  counter ${owner} {`,
    '  }',
    ...counters,
    ...blocks.flatMap((block) => (known.get(block.id) === block ? [] : linesOf(block))),
    ...chain('counted', plans.flatMap(countingRules)),
    // Ours come before rules of other programs for the same port: one step earlier than dstnat,
    // and the last word about the source one step before srcnat.
    ...chain('prerouting', ['type nat hook prerouting priority -101; policy accept;', ...dispatch]),
    ...chain('output', ['type nat hook output priority -101; policy accept;', ...dispatch]),
    ...chain('postrouting', [
      'type nat hook postrouting priority 99; policy accept;',
      ...plans.map(sourceRule),
    ]),
    ...(isNew ? countingChains : []),
    '}',
  ];
  return { text: `${lines.join('\n')}\n`, blocks };
}

/** Without the first line the second one fails where there is no table yet. */
const freshStart = [`add table ${kernelTable}`, `delete table ${kernelTable}`];

/** Local connections pass both hooks; what comes from "lo" was counted when it was sent. */
const countingChains = [
  ...chain('counted_prerouting', [
    'type filter hook prerouting priority -90; policy accept;',
    'iifname != "lo" ct status dnat jump counted',
  ]),
  ...chain('counted_output', [
    'type filter hook output priority -90; policy accept;',
    'ct status dnat jump counted',
  ]),
];

/**
 * Takes out what is replaced; an entry that stays keeps its counters. The first line fails, and with
 * it everything, when the table is not ours any more.
 */
function updateStart(
  owner: string,
  gone: readonly IEntryBlock[],
  blocks: readonly IEntryBlock[],
): string[] {
  const staying = new Set(blocks.map(({ id }) => id));
  const shared = ['prerouting', 'output', 'postrouting', 'counted'];
  const removed = gone.filter(({ id }) => !staying.has(id));
  const counters = removed.flatMap(({ id }) => kernelCounters.map((name) => counterName(id, name)));
  return [
    `delete counter ${kernelTable} ${owner}`,
    ...shared.map((name) => `flush chain ${kernelTable} ${name}`),
    ...gone.map((block) => `flush chain ${kernelTable} ${chainNameOf(block)}`),
    ...gone.map((block) => `delete chain ${kernelTable} ${chainNameOf(block)}`),
    ...gone.flatMap(({ sets }) => sets).map((name) => `delete set ${kernelTable} ${name}`),
    ...counters.map((name) => `delete counter ${kernelTable} ${name}`),
  ];
}

/** The transaction that deletes the table when it is that owner's, and else changes nothing. */
export function removalOf(owner: string): string {
  return `delete counter ${kernelTable} ${owner}\ndelete table ${kernelTable}\n`;
}

/** The name of one of an entry's counters. */
export function counterName(id: string, counter: TKernelCounter): string {
  return `${kernelName(id)}_${counter}`;
}

function chain(name: string, rules: readonly string[]): string[] {
  return [`  chain ${name} {`, ...rules.map((rule) => `    ${rule}`), '  }'];
}

function countersOf({ id }: IKernelPlan): string[] {
  return kernelCounters.flatMap((counter) => [`  counter ${counterName(id, counter)} {`, '  }']);
}

/** Stands for the version in the text of a block, which is compared. */
const versionMark = '_v%';

function chainNameOf({ id, version }: IEntryBlock): string {
  return `${kernelName(id)}_v${version}`;
}

function linesOf({ text, version }: IEntryBlock): string[] {
  return text.replaceAll(versionMark, `_v${version}`).split('\n');
}

function blockOf(
  plan: IKernelPlan,
  lists: Pick<AddressLists, 'get'>,
  version: number,
): IEntryBlock {
  const name = kernelName(plan.id);
  const refuse = `counter name ${name}_refused drop`;
  const access = accessRules(plan, lists, refuse);
  const limits = limitRules(plan, refuse);
  const rules = [
    ...access.rules,
    ...limits.rules,
    `counter name ${name}_new`,
    ...plan.groups.flatMap((group) => targetRules(plan, group)),
  ];
  const sets = [...access.sets, ...limits.sets];
  const text = [...sets, ...chain(`${name}${versionMark}`, rules)].join('\n');
  const names = sets.flatMap((line) => /^ {2}set (\S+) \{$/.exec(line)?.[1] ?? []);
  return {
    ...{ id: plan.id, text, version },
    sets: names.map((set) => set.replace(versionMark, `_v${version}`)),
  };
}

function accessRules(plan: IKernelPlan, lists: Pick<AddressLists, 'get'>, refuse: string) {
  const name = kernelName(plan.id);
  const sets: string[] = [];
  const rules: string[] = [];
  const deny = resolve(plan.deny, lists);
  const allow = resolve(plan.allow, lists);
  for (const { family, type, source, protocol } of families) {
    const denied = deny.filter((cidr) => isOf(family, cidr));
    if (denied.length > 0) {
      sets.push(...addressSet(`${name}_deny${family}${versionMark}`, type, denied));
      rules.push(`${source} @${name}_deny${family}${versionMark} ${refuse}`);
    }
    if (plan.allow.length === 0) continue;
    const allowed = allow.filter((cidr) => isOf(family, cidr));
    if (allowed.length === 0) {
      rules.push(`meta nfproto ${protocol} ${refuse}`);
    } else {
      sets.push(...addressSet(`${name}_allow${family}${versionMark}`, type, allowed));
      rules.push(`${source} != @${name}_allow${family}${versionMark} ${refuse}`);
    }
  }
  return { sets, rules };
}

function limitRules(plan: IKernelPlan, refuse: string): { sets: string[]; rules: string[] } {
  const { rate, connectionsMax, connectionsPerClientMax } = plan;
  const name = kernelName(plan.id);
  const sets: string[] = [];
  const rules: string[] = [];
  for (const { family, type, client } of families) {
    if (rate === null) continue;
    const set = `${name}_rate${family}${versionMark}`;
    const seconds = Math.max(rateMemorySecondsMin, 2 * (rate.windowSeconds ?? 1));
    const flags = `flags dynamic, timeout; timeout ${Math.ceil(seconds)}s;`;
    sets.push(`  set ${set} {`, `    type ${type}; size ${limitedClientsMax}; ${flags}`, '  }');
    rules.push(`update @${set} { ${client} limit rate over ${rateOf(rate)} } ${refuse}`);
  }
  if (connectionsMax > 0) rules.push(`ct count over ${connectionsMax} ${refuse}`);
  for (const { family, type, client } of families) {
    if (connectionsPerClientMax === 0) continue;
    const set = `${name}_open${family}${versionMark}`;
    sets.push(
      `  set ${set} {`,
      `    type ${type}; size ${limitedClientsMax}; flags dynamic;`,
      '  }',
    );
    rules.push(`add @${set} { ${client} ct count over ${connectionsPerClientMax} } ${refuse}`);
  }
  return { sets, rules };
}

/** nft counts per second, minute, hour or day, in whole numbers: the first that is exact. */
function rateOf({ connections, windowSeconds = 1, burst = connections }: IConnectionRate): string {
  const units = { second: 1, minute: 60, hour: 3600, day: 86_400 };
  const perSecond = connections / windowSeconds;
  const exact = Object.entries(units).find(([, seconds]) => isWhole(perSecond * seconds));
  const [unit, seconds] = exact ?? ['day', units.day];
  const amount = Math.max(1, Math.round(perSecond * seconds));
  return `${amount}/${unit} burst ${Math.max(1, Math.round(burst))} packets`;
}

function isWhole(value: number): boolean {
  return value >= 1 && Math.abs(value - Math.round(value)) < 1e-9 * value;
}

function targetRules(plan: IKernelPlan, { ports, targets }: IKernelGroup): string[] {
  return families.flatMap(({ family, keyword }) => {
    const own = targets.filter((target) => target.family === family);
    if (own.length === 0) return [];
    return [`${plan.protocol} dport ${portSet(ports)} dnat ${keyword} to ${destinationOf(own)}`];
  });
}

function destinationOf(targets: readonly IKernelTarget[]): string {
  const [only] = targets;
  if (targets.length === 1 && only !== undefined) {
    if (only.port === 0) return only.ip;
    return only.family === 4 ? `${only.ip}:${only.port}` : `[${only.ip}]:${only.port}`;
  }
  let total = 0;
  const elements = targets.map(({ ip, port, weight }) => {
    const range = weight === 1 ? `${total}` : `${total}-${total + weight - 1}`;
    total += weight;
    return `${range} : ${port === 0 ? ip : `${ip} . ${port}`}`;
  });
  return `numgen random mod ${total} map { ${elements.join(', ')} }`;
}

/** Packets that a new connection to the entry begins with. */
function entryMatch(plan: IKernelPlan): string {
  const { address } = plan;
  const isFamily = address?.ip === '0.0.0.0';
  let where = 'fib daddr type local';
  if (isFamily) where = `meta nfproto ipv4 ${where}`;
  else if (address !== null) where = `${address.family === 4 ? 'ip' : 'ip6'} daddr ${address.ip}`;
  const ports = portSet(plan.groups.flatMap((group) => group.ports));
  return `${where} ${plan.protocol} dport ${ports}`;
}

/** Packets of both directions of the entry's connections. */
function connectionMatch(plan: IKernelPlan): string {
  const { address } = plan;
  const ports = portSet(plan.groups.flatMap((group) => group.ports));
  const match = `ct status dnat meta l4proto ${plan.protocol} ct original proto-dst ${ports}`;
  if (address === null || address.ip === '0.0.0.0') return match;
  return `${match} ct original ${address.family === 4 ? 'ip' : 'ip6'} daddr ${address.ip}`;
}

function sourceRule(plan: IKernelPlan): string {
  return `oifname != "lo" ${connectionMatch(plan)} masquerade`;
}

function countingRules(plan: IKernelPlan): string[] {
  const name = kernelName(plan.id);
  const match = connectionMatch(plan);
  return [
    `${match} ct direction original counter name ${name}_in return`,
    `${match} ct direction reply counter name ${name}_out return`,
  ];
}

function portSet(spans: readonly IPortSpan[]): string {
  const texts = spans.map(({ from, to }) => (from === to ? `${from}` : `${from}-${to}`));
  return `{ ${texts.join(', ')} }`;
}

function addressSet(name: string, type: string, cidrs: readonly string[]): string[] {
  const elements = cidrs.join(',\n      ');
  return [
    `  set ${name} {`,
    `    type ${type}; flags interval; auto-merge;`,
    `    elements = {\n      ${elements}\n    }`,
    '  }',
  ];
}

/** Entries of access rules as CIDRs in normal form, each once. */
function resolve(entries: readonly string[], lists: Pick<AddressLists, 'get'>): string[] {
  const cidrs = entries.flatMap((entry) =>
    entry.startsWith('@') ? (lists.get(entry.slice(1))?.cidrs() ?? []) : [entry],
  );
  return [...new Set(cidrs.map(checkedCidr))];
}

function checkedCidr(text: string): string {
  const cidr = canonicalCidr(text);
  if (cidr === undefined) throw new Error(`"${text}" is no CIDR and should have been refused`);
  return cidr;
}

function isOf(family: 4 | 6, cidr: string): boolean {
  return cidr.includes(':') === (family === 6);
}

const families = [
  {
    family: 4,
    keyword: 'ip',
    protocol: 'ipv4',
    type: 'ipv4_addr',
    source: 'ip saddr',
    client: 'ip saddr',
  },
  {
    family: 6,
    keyword: 'ip6',
    protocol: 'ipv6',
    type: 'ipv6_addr',
    source: 'ip6 saddr',
    // As everywhere, an IPv6 client is its /64.
    client: 'ip6 saddr & ffff:ffff:ffff:ffff::',
  },
] as const;
