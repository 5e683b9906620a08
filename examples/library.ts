// DcRouter inside a program: a backend, a router with an auth provider that is a function, a route
// added while it runs, and what the events tell. It prints what it does and ends by itself.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DcRouter } from 'dcrouter';

const backend = createServer((request, response) => {
  response.end(`${request.headers['x-user'] ?? 'somebody'} asked for ${request.url}\n`);
});
backend.listen(0, '127.0.0.1');
await once(backend, 'listening');
const { port: backendPort } = backend.address() as AddressInfo;

const router = new DcRouter({
  web: {
    entrypoints: { http: { address: '127.0.0.1', port: 0 } },
    routes: [
      {
        id: 'members',
        vHost: '*',
        paths: ['/members'],
        authProvider: 'keys',
        backends: [{ hostname: '127.0.0.1', port: backendPort }],
      },
    ],
  },
  hooks: {
    authProviders: {
      keys: ({ headers }) =>
        headers.authorization === 'Key open-sesame'
          ? { allow: true, headers: { 'X-User': 'ali' } }
          : { allow: false, status: 401 },
    },
  },
});
router.events.on('request.completed', ({ method, uri, status }) => {
  console.log(`event: ${method} ${uri} -> ${status}`);
});

await router.start();
const port = router.addresses().http?.port;

async function show(path: string, headers: Record<string, string> = {}): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers });
  const text = await response.text();
  console.log(`${path}: ${response.status}${response.ok ? ` ${text.trim()}` : ''}`);
}

await show('/members');
await show('/members', { Authorization: 'Key open-sesame' });

await show('/news');
router.proxy.router.addRoute({
  id: 'news',
  vHost: '*',
  paths: ['/news'],
  backends: [{ hostname: '127.0.0.1', port: backendPort }],
});
await show('/news');

await router.stop();
backend.close();
