/**
 * Runs DcRouter with 10,000 routes and changes routes while it serves, at a given rate, for as long as it is
 * told to. Reads `start` and `stop` from its input, and prints `changed N in MS` after each `stop`.
 *
 * Usage: node changes.ts PORT BACKEND_PORT CHANGES_PER_SECOND
 */
import { createInterface } from 'node:readline';
import { DcRouter } from '../../ts/index.ts';
import { manyRoutes } from '../lib/routes.ts';

const [port = 0, backendPort = 0, perSecond = 0] = process.argv.slice(2).map(Number);
const router = new DcRouter({
  web: {
    entrypoints: { http: { address: '127.0.0.1', port } },
    routes: manyRoutes(10_000, backendPort),
  },
});
await router.start();

const { router: routes } = router.proxy;
const tickMs = 1;
let timer: NodeJS.Timeout | undefined;
let startedAt = 0;
/** Changes in all, and when this round began. */
let changed = 0;
let before = 0;

/** Adds a route, changes it, removes it: each is one change. */
function change(): void {
  const id = `changing-${Math.floor(changed / 3)}`;
  const backends = [{ hostname: '127.0.0.1', port: backendPort }];
  if (changed % 3 === 0) routes.addRoute({ id, vHost: `${id}.bench.test`, backends });
  else if (changed % 3 === 2) routes.removeRoute(id);
  else {
    const config = { ...routes.route(id)?.config, priority: 1 };
    routes.setRoute(routes.prepareRoute(config as Parameters<typeof routes.prepareRoute>[0]));
  }
  changed++;
}

for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'start') {
    before = changed;
    startedAt = performance.now();
    timer = setInterval(() => {
      const due = ((performance.now() - startedAt) / 1000) * perSecond;
      while (changed - before < due) change();
    }, tickMs);
  } else if (line === 'stop') {
    clearInterval(timer);
    console.log(`changed ${changed - before} in ${Math.round(performance.now() - startedAt)}`);
  }
}
await router.stop();
