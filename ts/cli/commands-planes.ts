import type { ICommandSpec, IOptionSpec } from './command.ts';
import { fileFlag } from './shared-flags.ts';

const strategyFlag: IOptionSpec = {
  type: 'string',
  value: 'STRATEGY',
  choices: ['ROUND_ROBIN', 'IP_HASH', 'RANDOM', 'LEAST_LATENCY', 'LEAST_CONNECTIONS'],
  description: 'How a backend is chosen; ROUND_ROBIN when absent',
};

/** Where connections go. */
const actionFlags: Readonly<Record<string, IOptionSpec>> = {
  to: {
    type: 'string',
    multiple: true,
    value: 'HOST[:PORT]',
    description: 'A server; without a port: the one that the client came to; may be repeated',
  },
  backend: {
    type: 'string',
    multiple: true,
    value: 'HOST:PORT[,weight=N][,id=ID]',
    description: 'The same with a weight or id; may be repeated',
  },
  web: { type: 'boolean', description: 'Hand connections to the routes, as an entrypoint does' },
  terminate: { type: 'boolean', description: 'End TLS here, and forward what is inside' },
  strategy: strategyFlag,
  'send-proxy': {
    type: 'string',
    value: 'VERSION',
    choices: ['v1', 'v2'],
    description: 'Tell the backend the address of the client by the PROXY protocol',
  },
};

const replaceFlag: IOptionSpec = {
  type: 'boolean',
  description: 'Replace the one that has the id already',
};

/** Commands of TCP entries, address lists, rate limits and connections. */
export const planeCommands: readonly ICommandSpec[] = [
  {
    path: ['tcp', 'list'],
    summary: 'List the TCP and UDP entries',
    positionals: [],
    options: {},
    remote: true,
    load: async () => (await import('./tcp.ts')).list,
  },
  {
    path: ['tcp', 'show'],
    summary: 'Show an entry with its ports, numbers and backends',
    positionals: ['ENTRY'],
    options: {},
    remote: true,
    load: async () => (await import('./tcp.ts')).show,
  },
  {
    path: ['tcp', 'add'],
    summary: 'Forward ports',
    description:
      'dcrouter tcp add --port 5432 --to db-1:5432 --to db-2:5432\n' +
      'dcrouter tcp add --id games --port 6000-6010 --udp --to games.internal\n' +
      'dcrouter tcp add -f entry.yaml',
    positionals: [],
    options: {
      file: fileFlag,
      replace: replaceFlag,
      id: { type: 'string', value: 'ID', description: 'Name of the entry; else tcp-PORT' },
      port: {
        type: 'string',
        multiple: true,
        value: 'PORT|FROM-TO',
        description: 'Port or ports to listen on; may be repeated',
      },
      address: { type: 'string', value: 'IP', description: 'Address to bind; else every one' },
      udp: { type: 'boolean', description: 'Forward UDP instead of TCP' },
      ...actionFlags,
    },
    remote: true,
    load: async () => (await import('./tcp.ts')).add,
  },
  {
    path: ['tcp', 'remove'],
    summary: 'Remove an entry and close its ports',
    positionals: ['ENTRY'],
    options: {},
    remote: true,
    load: async () => (await import('./tcp.ts')).remove,
  },
  {
    path: ['tcp', 'domain', 'list'],
    summary: 'List the domain configs of an entry',
    positionals: ['ENTRY'],
    options: {},
    remote: true,
    load: async () => (await import('./tcp.ts')).listDomains,
  },
  {
    path: ['tcp', 'domain', 'add'],
    summary: 'Treat TLS connections to some domains (or of a protocol) in their own way',
    description:
      'dcrouter tcp domain add tls a.example.com "*.b.example" --to 10.0.0.1:443\n' +
      'dcrouter tcp domain add tls --protocol ssh --to 22',
    positionals: ['ENTRY', '[DOMAIN...]'],
    options: {
      file: fileFlag,
      replace: replaceFlag,
      id: { type: 'string', value: 'ID', description: 'Its name; else its first domain' },
      protocol: {
        type: 'string',
        value: 'PROTOCOL',
        choices: ['tls', 'http', 'ssh', 'silent', 'other'],
        description: 'What the first bytes are; tls when domains are named',
      },
      alpn: {
        type: 'string',
        multiple: true,
        value: 'NAME',
        description: 'Only TLS clients that offer it; may be repeated',
      },
      ...actionFlags,
    },
    remote: true,
    load: async () => (await import('./tcp.ts')).addDomain,
  },
  {
    path: ['tcp', 'domain', 'remove'],
    summary: 'Remove a domain config, by its id or one of its domains',
    positionals: ['ENTRY', 'DOMAIN'],
    options: {},
    remote: true,
    load: async () => (await import('./tcp.ts')).removeDomain,
  },
  {
    path: ['tcp', 'range', 'add'],
    summary: 'Let an entry listen on further ports',
    positionals: ['ENTRY', 'PORTS'],
    options: {},
    remote: true,
    load: async () => (await import('./tcp.ts')).addRange,
  },
  {
    path: ['tcp', 'range', 'remove'],
    summary: 'Take ports from an entry and close them',
    positionals: ['ENTRY', 'PORTS'],
    options: {},
    remote: true,
    load: async () => (await import('./tcp.ts')).removeRange,
  },
  {
    path: ['access', 'list'],
    summary: 'List the address lists',
    positionals: [],
    options: {},
    remote: true,
    load: async () => (await import('./access.ts')).list,
  },
  {
    path: ['access', 'show'],
    summary: 'Show what is in an address list',
    positionals: ['NAME'],
    options: {},
    remote: true,
    load: async () => (await import('./access.ts')).show,
  },
  {
    path: ['access', 'add'],
    summary: 'Add addresses to an address list, which is made when there is none',
    positionals: ['NAME', 'ADDRESS...'],
    options: {},
    remote: true,
    load: async () => (await import('./access.ts')).add,
  },
  {
    path: ['access', 'remove'],
    summary: 'Take addresses out of an address list, or remove it',
    positionals: ['NAME', '[ADDRESS...]'],
    options: { list: { type: 'boolean', description: 'Remove the list itself' } },
    remote: true,
    load: async () => (await import('./access.ts')).remove,
  },
  {
    path: ['access', 'set'],
    summary: 'Make an address list what a file says',
    description: 'One address or range a line; "#" and ";" begin comments; "-" is standard input.',
    positionals: ['NAME', 'FILE'],
    options: {},
    remote: true,
    load: async () => (await import('./access.ts')).set,
  },
  {
    path: ['access', 'check'],
    summary: 'Tell which address lists an address is in',
    positionals: ['ADDRESS'],
    options: {},
    remote: true,
    load: async () => (await import('./access.ts')).check,
  },
  {
    path: ['limit', 'list'],
    summary: 'List the rate limits that routes can name',
    positionals: [],
    options: {},
    remote: true,
    load: async () => (await import('./limit.ts')).list,
  },
  {
    path: ['limit', 'show'],
    summary: 'Show a rate limit with its numbers',
    positionals: ['NAME'],
    options: {},
    remote: true,
    load: async () => (await import('./limit.ts')).show,
  },
  {
    path: ['limit', 'set'],
    summary: 'Make or change a rate limit',
    description: 'dcrouter limit set login --requests 5 --window 60 --key address',
    positionals: ['NAME'],
    options: {
      file: fileFlag,
      requests: { type: 'string', value: 'N', description: 'Requests that may come per window' },
      window: { type: 'string', value: 'SECONDS', description: 'The window; 1 when absent' },
      burst: { type: 'string', value: 'N', description: 'At once after a pause; else as requests' },
      key: {
        type: 'string',
        value: 'address|route|header:NAME',
        description: 'What has a bucket of its own; address when absent',
      },
      prefix4: { type: 'string', value: 'BITS', description: 'Bits of IPv4 that count; 32' },
      prefix6: { type: 'string', value: 'BITS', description: 'Bits of IPv6 that count; 64' },
    },
    remote: true,
    load: async () => (await import('./limit.ts')).set,
  },
  {
    path: ['limit', 'remove'],
    summary: 'Remove a rate limit',
    positionals: ['NAME'],
    options: {},
    remote: true,
    load: async () => (await import('./limit.ts')).remove,
  },
  {
    path: ['connections'],
    summary: 'Show the live connections, or close some',
    positionals: [],
    options: {
      protocol: {
        type: 'string',
        value: 'PROTOCOL',
        choices: ['http', 'https', 'websocket', 'tunnel', 'tcp', 'tls', 'udp'],
        description: 'Only those',
      },
      client: { type: 'string', value: 'ADDRESS|RANGE', description: 'Only of these clients' },
      entrypoint: {
        type: 'string',
        value: 'NAME',
        description: 'Only of this entrypoint or TCP entry',
      },
      backend: { type: 'string', value: 'HOST:PORT', description: 'Only with this backend' },
      close: {
        type: 'string',
        multiple: true,
        value: 'ID',
        description: 'Break this one off; may be repeated',
      },
      watch: { type: 'boolean', description: 'Show them every second anew' },
    },
    remote: true,
    load: async () => (await import('./connections.ts')).connections,
  },
];
