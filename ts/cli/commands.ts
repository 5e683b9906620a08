import type { ICommandSpec, IOptionSpec } from './command.ts';
import { dnsCommands } from './commands-dns.ts';
import { planeCommands } from './commands-planes.ts';
import { fileFlag } from './shared-flags.ts';

const configFlag: IOptionSpec = {
  type: 'string',
  short: 'c',
  value: 'FILE',
  description: 'Configuration file; else dcrouter.yaml, .yml or .json here, if there is one',
};

/** All commands, in the order of the help. */
export const commands: readonly ICommandSpec[] = [
  {
    path: ['run'],
    summary: 'Run the router',
    description:
      'SIGTERM and SIGINT let open requests end and stop it (a second one stops it at once), SIGHUP loads the\n' +
      'configuration again, SIGUSR1 opens the log files anew.',
    positionals: [],
    options: {
      config: configFlag,
      'data-dir': {
        type: 'string',
        value: 'DIR',
        description: 'Folder of the store; overrides the file; also DCROUTER_DATA_DIR',
      },
    },
    remote: false,
    load: async () => (await import('./run.ts')).run,
  },
  {
    path: ['validate'],
    summary: 'Check a configuration file',
    positionals: ['[FILE]'],
    options: { config: configFlag },
    remote: false,
    load: async () => (await import('./validate.ts')).validate,
  },
  {
    path: ['reload'],
    summary: 'Let the running router load its configuration again',
    positionals: [],
    options: {
      binary: {
        type: 'boolean',
        description: 'Start the program anew: the new process takes the ports, the old one drains',
      },
    },
    remote: true,
    load: async () => (await import('./reload.ts')).reload,
  },
  {
    path: ['status'],
    summary: 'Show what runs, and what is wrong',
    positionals: [],
    options: {},
    remote: true,
    load: async () => (await import('./status.ts')).status,
  },
  {
    path: ['config', 'schema'],
    summary: 'Print the JSON Schema of the configuration file',
    positionals: [],
    options: {},
    remote: false,
    load: async () => (await import('./config.ts')).schema,
  },
  {
    path: ['config', 'show'],
    summary: 'Show the configuration in effect, secrets masked',
    positionals: [],
    options: {},
    remote: true,
    load: async () => (await import('./config.ts')).show,
  },
  {
    path: ['config', 'diff'],
    summary: 'Show what was not loaded yet, and what the API changed over the file',
    positionals: [],
    options: {},
    remote: true,
    load: async () => (await import('./config.ts')).diff,
  },
  {
    path: ['config', 'export'],
    summary: 'Print the configuration in effect as a file',
    positionals: [],
    options: {
      format: {
        type: 'string',
        value: 'FORMAT',
        choices: ['yaml', 'json'],
        description: 'yaml (default) or json',
      },
      secrets: { type: 'boolean', description: 'Secrets as they are; needs an admin token' },
    },
    remote: true,
    load: async () => (await import('./config.ts')).exportFile,
  },
  {
    path: ['config', 'hash'],
    summary: 'Hash a password (or token) for the configuration file',
    description:
      'Asks for it without showing it, or reads it from standard input. A flag would leave it in the history of\n' +
      'the shell and in the list of processes.',
    positionals: [],
    options: {
      token: {
        type: 'boolean',
        description: 'Hash a bearer token (sha256) instead of a password (scrypt)',
      },
    },
    remote: false,
    load: async () => (await import('./hash.ts')).hash,
  },
  {
    path: ['route', 'list'],
    summary: 'List the routes',
    positionals: [],
    options: {
      host: { type: 'string', value: 'HOST', description: 'Only with exactly this virtual host' },
      search: {
        type: 'string',
        value: 'TEXT',
        description: 'Only with this text in id or virtual host',
      },
    },
    remote: true,
    load: async () => (await import('./route.ts')).list,
  },
  {
    path: ['route', 'show'],
    summary: 'Show a route with the state of its backends',
    positionals: ['ROUTE'],
    options: {},
    remote: true,
    load: async () => (await import('./route.ts')).show,
  },
  {
    path: ['route', 'add'],
    summary: 'Add a route',
    description:
      'dcrouter route add --host a.example.com --backend 127.0.0.1:3000,weight=2 --backend 127.0.0.1:3001\n' +
      'dcrouter route add -f route.yaml',
    positionals: [],
    options: {
      file: fileFlag,
      replace: { type: 'boolean', description: 'Replace a route that has the id already' },
      id: { type: 'string', value: 'ID', description: 'Name of the route; else its host' },
      host: {
        type: 'string',
        value: 'HOST',
        description: 'Virtual host: api.example.com, *.example.com, *',
      },
      backend: {
        type: 'string',
        multiple: true,
        value: 'HOST:PORT[,weight=N][,id=ID]',
        description: 'A server; may be repeated. Also https://HOST:PORT, [::1]:PORT and unix:/path',
      },
      strategy: {
        type: 'string',
        value: 'STRATEGY',
        choices: ['ROUND_ROBIN', 'IP_HASH', 'RANDOM', 'LEAST_LATENCY', 'LEAST_CONNECTIONS'],
        description: 'How a backend is chosen; ROUND_ROBIN when absent',
      },
      path: {
        type: 'string',
        multiple: true,
        value: 'PREFIX',
        description: 'Only requests below this path; may be repeated',
      },
      method: {
        type: 'string',
        multiple: true,
        value: 'METHOD',
        description: 'Only requests with this method; may be repeated',
      },
      'strip-prefix': {
        type: 'string',
        value: 'PREFIX',
        description: 'Take this off the path before forwarding',
      },
      redirect: {
        type: 'string',
        value: 'URL',
        description: 'Answer with a redirect; {host}, {path}, {query} are replaced',
      },
      'auto-https': { type: 'boolean', description: 'Redirect plain HTTP to HTTPS' },
    },
    remote: true,
    load: async () => (await import('./route.ts')).add,
  },
  {
    path: ['route', 'remove'],
    summary: 'Remove a route',
    positionals: ['ROUTE'],
    options: {},
    remote: true,
    load: async () => (await import('./route.ts')).remove,
  },
  {
    path: ['route', 'explain'],
    summary: 'Show which route would take a request, and why',
    positionals: ['URL'],
    options: {
      method: { type: 'string', value: 'METHOD', description: 'GET when absent' },
      header: {
        type: 'string',
        short: 'H',
        multiple: true,
        value: '"NAME: VALUE"',
        description: 'A header of the request; may be repeated',
      },
    },
    remote: true,
    load: async () => (await import('./explain.ts')).explain,
  },
  ...planeCommands,
  ...dnsCommands,
  {
    path: ['cert', 'list'],
    summary: 'List the certificates',
    positionals: [],
    options: {},
    remote: true,
    load: async () => (await import('./cert.ts')).list,
  },
  {
    path: ['cert', 'add'],
    summary: 'Add or replace the certificate of a domain',
    positionals: ['DOMAIN'],
    options: {
      key: { type: 'string', value: 'FILE', description: 'PEM file of the private key' },
      cert: {
        type: 'string',
        value: 'FILE',
        description: 'PEM file of the certificate and its chain',
      },
    },
    remote: true,
    load: async () => (await import('./cert.ts')).add,
  },
  {
    path: ['cert', 'remove'],
    summary: 'Remove the certificate of a domain',
    positionals: ['DOMAIN'],
    options: {},
    remote: true,
    load: async () => (await import('./cert.ts')).remove,
  },
  {
    path: ['token', 'list'],
    summary: 'List the tokens of the management API',
    positionals: [],
    options: {},
    remote: true,
    load: async () => (await import('./token.ts')).list,
  },
  {
    path: ['token', 'create'],
    summary: 'Create a token; its secret is shown once',
    description:
      'When the last admin token was lost: stop the router, then\n' +
      'dcrouter token create NAME --scope admin --offline --data-dir DIR',
    positionals: ['NAME'],
    options: {
      scope: {
        type: 'string',
        multiple: true,
        value: 'SCOPE',
        choices: ['read', 'write', 'admin'],
        description: 'What it may do, read when absent; write includes read, admin includes all',
      },
      expires: {
        type: 'string',
        value: 'WHEN',
        description: 'A date (2030-01-31, 2030-01-31T12:00:00Z) or a time from now (90d, 12h, 30m)',
      },
      offline: {
        type: 'boolean',
        description:
          'Write it into the store of --data-dir while the router is stopped; needs no token',
      },
    },
    remote: true,
    load: async () => (await import('./token.ts')).create,
  },
  {
    path: ['token', 'revoke'],
    summary: 'Revoke a token',
    positionals: ['ID'],
    options: {},
    remote: true,
    load: async () => (await import('./token.ts')).revoke,
  },
  {
    path: ['stats'],
    summary: 'Show the traffic, every second anew',
    positionals: ['[ROUTE]'],
    options: { once: { type: 'boolean', description: 'Show it once' } },
    remote: true,
    load: async () => (await import('./stats.ts')).stats,
  },
  {
    path: ['completion'],
    summary: 'Print the completion script of a shell',
    description: 'bash: source <(dcrouter completion bash)',
    positionals: ['bash|zsh|fish'],
    options: {},
    remote: false,
    load: async () => (await import('./completion.ts')).completion,
  },
  {
    path: ['version'],
    summary: 'Show the version',
    positionals: [],
    options: {},
    remote: false,
    load: async () => (await import('./version.ts')).version,
  },
  {
    path: ['help'],
    summary: 'Show the help of a command',
    positionals: ['[COMMAND...]'],
    options: {},
    remote: false,
    load: async () => (await import('./help.ts')).help,
  },
];
