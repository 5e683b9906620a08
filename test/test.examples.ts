import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import {
  dnsListeners,
  entriesOf,
  loadConfigFile,
  parseOptions,
  portsOf,
  zoneIdOf,
} from '../ts/config/index.ts';

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '..');
const options = { cwd: root, timeout: 30_000 };
const fromSource = '--conditions=dcrouter-source';

test('examples/library.ts prints what it says, and ends', async () => {
  const { stdout } = await run(process.execPath, [fromSource, 'examples/library.ts'], options);
  const lines = stdout.trim().split('\n');
  assert.deepEqual(
    lines.filter((line) => !line.startsWith('event: ')),
    [
      '/members: 401',
      '/members: 200 ali asked for /members',
      '/news: 404',
      '/news: 200 somebody asked for /news',
    ],
  );
  assert.ok(lines.includes('event: GET /members -> 401'), stdout);
  assert.ok(lines.includes('event: GET /members -> 200'), stdout);
});

test("examples/seed.ts: the seed's code runs as it stands, but for the ports", async () => {
  const code = readFileSync(join(root, 'examples', 'seed.ts'), 'utf8');
  const ending = `
await started;
console.log(proxy.router.route('service-a')?.vHost);
await proxy.stop();
`;
  assert.match(code, /port: 80, sslPort: 443[\s\S]*^proxy\.start\(\);$/m);
  const program = code
    .replace('port: 80, sslPort: 443', 'port: 0, sslPort: 0')
    .replace('proxy.start()', 'const started = proxy.start()')
    .concat(ending);
  const { stdout } = await run(
    process.execPath,
    [fromSource, '--input-type=module-typescript', '--eval', program],
    options,
  );
  assert.equal(stdout, 'api.myapp.com\n');
});

for (const file of ['dcrouter.yaml', 'tcp.yaml', 'dns.yaml']) {
  test(`examples/${file} is right, and does what its comments say`, async () => {
    const { value, source } = await loadConfigFile(join(root, 'examples', file));
    const { options: parsed } = parseOptions(value, { source });
    assert.ok((parsed.web?.routes?.length ?? 0) > 0);
    if (file === 'dns.yaml') {
      const zones = parsed.dns?.zones ?? [];
      assert.deepEqual(zones.map(zoneIdOf), [
        ...['example.com', 'example.com@internal', 'example.net', '64/26.2.0.192.in-addr.arpa'],
      ]);
      assert.ok(dnsListeners(parsed.dns).every(({ from }) => from >= 1024));
    }
    if (file !== 'tcp.yaml') return;
    const entries = entriesOf(parsed);
    assert.deepEqual(
      entries.map(({ id }) => id),
      [
        ...['postgres', 'tcp-6380', 'tls', 'mixed', 'games', 'media', 'behind-a-balancer'],
        ...['dns', 'syslog'],
      ],
    );
    const ports = entries.flatMap((entry) => portsOf(entry));
    assert.ok(ports.every(({ from }) => from >= 1024));
  });
}
