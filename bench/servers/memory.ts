/**
 * Starts a DcRouter with so many routes and prints what it holds after garbage collection.
 *
 * Usage: node --expose-gc memory.ts ROUTES
 */
import { DcRouter } from '../../ts/index.ts';
import { manyRoutes } from '../lib/routes.ts';

const router = new DcRouter({
  web: {
    entrypoints: { http: { address: '127.0.0.1', port: 0 } },
    routes: manyRoutes(Number(process.argv[2]), 9),
  },
});
const startedAt = performance.now();
await router.start();
const startMs = performance.now() - startedAt;
for (let i = 0; i < 4; i++) globalThis.gc?.();
const { rss, heapUsed, external } = process.memoryUsage();
console.log(JSON.stringify({ rss, heap: heapUsed + external, startMs }));
await router.stop();
