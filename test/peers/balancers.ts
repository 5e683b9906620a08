import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { folderFor, serve } from './peer.ts';

/** Where Debian has nginx's stream module. */
const streamModule = '/usr/lib/nginx/modules/ngx_stream_module.so';

/** What is missing for `serveNginxStream`; null: nothing. */
export const streamObstacle = existsSync(streamModule)
  ? null
  : `nginx has no stream module: run scripts/install-peers.sh`;

/** Starts HAProxy in the foreground with these sections; the port is one that it binds. */
export async function serveHaproxy(
  context: TestContext,
  port: number,
  sections: string,
): Promise<void> {
  const config = join(folderFor(context), 'haproxy.cfg');
  writeFileSync(
    config,
    `global
  nbthread 1
defaults
  timeout connect 5s
  timeout client 10s
  timeout server 10s
${sections}
`,
  );
  await serve(context, ['haproxy', '-db', '-f', config], port);
}

/** Starts nginx in the foreground with what stands in its `stream` block; the port is one that it binds. */
export async function serveNginxStream(
  context: TestContext,
  port: number,
  stream: string,
): Promise<void> {
  const folder = folderFor(context);
  const user = process.getuid?.() === 0 ? 'user root;' : '';
  const config = join(folder, 'nginx.conf');
  writeFileSync(
    config,
    `load_module ${streamModule};
    ${user} daemon off; worker_processes 1; pid ${folder}/pid; error_log ${folder}/log;
    events { worker_connections 1024; }
    stream { ${stream} }`,
  );
  await serve(context, ['nginx', '-c', config], port);
}
