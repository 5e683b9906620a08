import type { ICommandSpec, IOptionSpec } from './command.ts';
import { fileFlag } from './shared-flags.ts';

const peerText = 'ADDRESS[,port=N][,key=NAME]';

/** Options of a zone. */
const zoneFlags: Readonly<Record<string, IOptionSpec>> = {
  file: fileFlag,
  nameserver: {
    type: 'string',
    multiple: true,
    value: 'NAME',
    description: 'Name of a server, for NS and SOA where the zone has none; may be repeated',
  },
  contact: { type: 'string', value: 'MAIL', description: 'Mail address for the SOA' },
  ttl: { type: 'string', value: 'SECONDS', description: 'Of record sets without one' },
  serial: {
    type: 'string',
    value: 'HOW',
    choices: ['increment', 'unix-time', 'date'],
    description: 'How the serial rises; increment when absent',
  },
  primary: {
    type: 'string',
    multiple: true,
    value: peerText,
    description: 'It is a secondary: a server that it is fetched from; may be repeated',
  },
  notify: {
    type: 'string',
    multiple: true,
    value: peerText,
    description: 'A server that is told of changes; may be repeated',
  },
  transfer: {
    type: 'string',
    multiple: true,
    value: 'WHO',
    description: 'Who may fetch it: an address, a CIDR, @list or key:NAME; may be repeated',
  },
  dnssec: { type: 'boolean', description: 'Sign it' },
};

const ttlFlag: IOptionSpec = {
  type: 'string',
  value: 'SECONDS',
  description: 'Time to live; that of the zone when absent',
};

const belowFlag: IOptionSpec = { type: 'boolean', description: 'Also names below it' };

/** Commands of zones, their records, and the resolver. */
export const dnsCommands: readonly ICommandSpec[] = [
  {
    path: ['dns', 'zone', 'list'],
    summary: 'List the DNS zones',
    positionals: [],
    options: {
      search: { type: 'string', value: 'TEXT', description: 'Only with this text in the id' },
      state: {
        type: 'string',
        value: 'STATE',
        choices: ['serving', 'loading', 'expired'],
        description: 'Only in this state',
      },
    },
    remote: true,
    load: async () => (await import('./dns-zone.ts')).list,
  },
  {
    path: ['dns', 'zone', 'show'],
    summary: 'Show a zone with its state and options',
    description: 'ZONE is its name, or NAME@VIEW.',
    positionals: ['ZONE'],
    options: {},
    remote: true,
    load: async () => (await import('./dns-zone.ts')).show,
  },
  {
    path: ['dns', 'zone', 'add'],
    summary: 'Add a zone',
    description:
      'dcrouter dns zone add example.com --nameserver ns1.example.net --nameserver ns2.example.net\n' +
      'dcrouter dns zone add example.org --primary 192.0.2.53,key=transfer\n' +
      'From a master file: dcrouter dns zone import example.com FILE',
    positionals: ['NAME'],
    options: {
      ...zoneFlags,
      view: { type: 'string', value: 'VIEW', description: 'Only for the clients of this view' },
    },
    remote: true,
    load: async () => (await import('./dns-zone.ts')).add,
  },
  {
    path: ['dns', 'zone', 'set'],
    summary: 'Change options of a zone',
    positionals: ['ZONE'],
    options: {
      ...zoneFlags,
      unset: {
        type: 'string',
        multiple: true,
        value: 'OPTION',
        description: 'Take an option away, as the file names it; may be repeated',
      },
    },
    remote: true,
    load: async () => (await import('./dns-zone.ts')).set,
  },
  {
    path: ['dns', 'zone', 'remove'],
    summary: 'Remove a zone with its records',
    positionals: ['ZONE'],
    options: {},
    remote: true,
    load: async () => (await import('./dns-zone.ts')).remove,
  },
  {
    path: ['dns', 'zone', 'import'],
    summary: 'Put the content of a master file in place of all that a zone holds, or make the zone',
    description: 'FILE may be "-", standard input. What it includes is put into it.',
    positionals: ['ZONE', 'FILE'],
    options: {},
    remote: true,
    load: async () => (await import('./dns-zone.ts')).importFile,
  },
  {
    path: ['dns', 'zone', 'export'],
    summary: 'Print a zone as a master file',
    positionals: ['ZONE'],
    options: {
      served: {
        type: 'boolean',
        description: 'With what signing, ALIAS and health records made of it',
      },
    },
    remote: true,
    load: async () => (await import('./dns-zone.ts')).exportFile,
  },
  {
    path: ['dns', 'zone', 'revert'],
    summary: 'Take back what was changed over the file: all, a name, or one type of it',
    positionals: ['ZONE', '[NAME]', '[TYPE]'],
    options: {},
    remote: true,
    load: async () => (await import('./dns-zone.ts')).revert,
  },
  {
    path: ['dns', 'zone', 'notify'],
    summary: 'Tell the secondaries of a zone that it may have changed',
    positionals: ['ZONE'],
    options: {},
    remote: true,
    load: async () => (await import('./dns-zone.ts')).notify,
  },
  {
    path: ['dns', 'zone', 'retransfer'],
    summary: 'Fetch a secondary zone from its primaries now',
    positionals: ['ZONE'],
    options: {
      'if-newer': { type: 'boolean', description: 'Only where the serial of a primary is newer' },
    },
    remote: true,
    load: async () => (await import('./dns-zone.ts')).retransfer,
  },
  {
    path: ['dns', 'record', 'list'],
    summary: 'List the records of a zone',
    positionals: ['ZONE', '[NAME]', '[TYPE]'],
    options: {
      below: belowFlag,
      origin: {
        type: 'string',
        value: 'ORIGIN',
        choices: ['file', 'api', 'update', 'owned', 'transfer', 'made'],
        description: 'Only those that come from there',
      },
    },
    remote: true,
    load: async () => (await import('./dns-record.ts')).list,
  },
  {
    path: ['dns', 'record', 'set'],
    summary: 'Put records in place of those of a name and type',
    description:
      'dcrouter dns record set example.com www A 192.0.2.1 192.0.2.2\n' +
      'dcrouter dns record set example.com @ MX "10 mail"\n' +
      'dcrouter dns record set example.com @ TXT "v=spf1 -all" --ttl 300',
    positionals: ['ZONE', 'NAME', 'TYPE', 'DATA...'],
    options: { ttl: ttlFlag },
    remote: true,
    load: async () => (await import('./dns-record.ts')).set,
  },
  {
    path: ['dns', 'record', 'add'],
    summary: 'Add records to those of a name and type',
    positionals: ['ZONE', 'NAME', 'TYPE', 'DATA...'],
    options: { ttl: ttlFlag },
    remote: true,
    load: async () => (await import('./dns-record.ts')).add,
  },
  {
    path: ['dns', 'record', 'remove'],
    summary: 'Remove the records of a name and type, or some of them',
    positionals: ['ZONE', 'NAME', 'TYPE', '[DATA...]'],
    options: {},
    remote: true,
    load: async () => (await import('./dns-record.ts')).remove,
  },
  {
    path: ['dns', 'query'],
    summary: 'Ask our own name servers or the resolver',
    positionals: ['NAME', '[TYPE]'],
    options: {
      server: {
        type: 'string',
        value: 'SERVER',
        choices: ['auto', 'authoritative', 'resolver'],
        description: 'auto (default): our zones, then the resolver',
      },
      view: { type: 'string', value: 'VIEW', description: 'As a client of this view' },
      client: { type: 'string', value: 'ADDRESS', description: 'As a client with this address' },
      dnssec: { type: 'boolean', description: 'Show DNSSEC records' },
      'no-validation': {
        type: 'boolean',
        description: 'Show an answer that fails validation as well',
      },
      path: { type: 'boolean', description: 'Show the path that led to the answer' },
      trace: {
        type: 'boolean',
        description: 'The same, with servers asked even when the cache has the answer',
      },
    },
    remote: true,
    load: async () => (await import('./dns-query.ts')).query,
  },
  {
    path: ['dns', 'check'],
    summary: 'Find what is wrong with a master file; needs no router',
    description:
      'Exit code 1 when it has errors. The name of the zone is that of --origin, else that of an $ORIGIN before\n' +
      'the first record, else that of the file without .zone, .db or .txt.',
    positionals: ['FILE'],
    options: {
      origin: { type: 'string', value: 'NAME', description: 'Name of the zone' },
      previous: {
        type: 'string',
        value: 'FILE',
        description: 'The version before, whose serial must be lower',
      },
    },
    remote: false,
    load: async () => (await import('./dns-check.ts')).check,
  },
  {
    path: ['dns', 'flush'],
    summary: 'Let the resolver forget a name, or all',
    positionals: ['[NAME]'],
    options: { below: belowFlag },
    remote: true,
    load: async () => (await import('./dns.ts')).flush,
  },
  {
    path: ['dns', 'cache'],
    summary: 'Look into the cache of the resolver',
    positionals: ['[NAME]', '[TYPE]'],
    options: { below: belowFlag },
    remote: true,
    load: async () => (await import('./dns.ts')).cache,
  },
  {
    path: ['dns', 'stats'],
    summary: 'Show what name servers and resolver did',
    positionals: [],
    options: {},
    remote: true,
    load: async () => (await import('./dns.ts')).stats,
  },
  {
    path: ['dns', 'dnssec', 'show'],
    summary: 'Show the DNSSEC keys of a zone, and the DS for its parent',
    positionals: ['ZONE'],
    options: {},
    remote: true,
    load: async () => (await import('./dns-dnssec.ts')).show,
  },
  {
    path: ['dns', 'dnssec', 'enable'],
    summary: 'Sign a zone, or change how it is signed',
    positionals: ['ZONE'],
    options: {
      algorithm: {
        type: 'string',
        value: 'ALGORITHM',
        choices: ['ECDSAP256SHA256', 'ED25519'],
        description: 'ECDSAP256SHA256 when absent',
      },
      keys: {
        type: 'string',
        value: 'KEYS',
        choices: ['csk', 'ksk-zsk'],
        description: 'One key for all (csk, when absent), or a KSK and a ZSK',
      },
      denial: {
        type: 'string',
        value: 'DENIAL',
        choices: ['compact', 'nsec', 'nsec3'],
        description: 'How a missing name is proven; compact when absent',
      },
    },
    remote: true,
    load: async () => (await import('./dns-dnssec.ts')).enable,
  },
  {
    path: ['dns', 'dnssec', 'disable'],
    summary: 'Let a zone be unsigned as soon as nobody has its DS any more',
    positionals: ['ZONE'],
    options: {},
    remote: true,
    load: async () => (await import('./dns-dnssec.ts')).disable,
  },
  {
    path: ['dns', 'dnssec', 'roll'],
    summary: 'Replace a key of a zone now',
    positionals: ['ZONE', 'ksk|zsk|csk'],
    options: {},
    remote: true,
    load: async () => (await import('./dns-dnssec.ts')).roll,
  },
  {
    path: ['dns', 'dnssec', 'ds'],
    summary: 'Print the DS records for the parent, or say which it has',
    description: 'DS is a text: dcrouter dns dnssec ds example.com "12345 13 2 ABCD…"',
    positionals: ['ZONE', '[DS...]'],
    options: {
      published: { type: 'boolean', description: 'The parent has those that are printed' },
    },
    remote: true,
    load: async () => (await import('./dns-dnssec.ts')).ds,
  },
];
