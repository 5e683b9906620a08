/**
 * What every nginx configuration of the benchmark begins with: one worker in the foreground, all its
 * files in `folder`, and the rights of whoever runs the benchmark.
 */
export function nginxMain(folder: string, name: string): string {
  const user = process.getuid?.() === 0 ? 'user root;\n' : '';
  return `${user}daemon off;
worker_processes 1;
pid ${folder}/${name}.pid;
error_log ${folder}/${name}.log;
events { worker_connections 8192; }
`;
}

/** What every `http` block begins with: connections that stay, and no log. */
export function nginxHttp(folder: string, name: string): string {
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `  ${kind}_temp_path ${folder}/${name}-${kind};\n`,
  );
  return `${paths.join('')}  access_log off;
  keepalive_timeout 3600;
  keepalive_requests 1000000000;
`;
}
