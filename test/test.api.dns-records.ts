import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { IRecordSetInfo } from '../ts_interfaces/index.ts';
import { type IAnswer, startApi, type TCall } from './fixtures/control-plane.ts';

const zone = '/api/v1/dns/zones/example.com';
const records = `${zone}/records`;

interface IPage {
  items: IRecordSetInfo[];
  total: number;
  nextCursor: string | null;
}

function problem({ status, body }: IAnswer, expected: number, code: string) {
  assert.equal(status, expected, JSON.stringify(body));
  const found = body as {
    code: string;
    detail: string;
    problems: { path: string; message: string; suggestion?: string }[];
  };
  assert.equal(found.code, code, JSON.stringify(body));
  return found;
}

async function withZone(call: TCall, lines: string[] = []): Promise<void> {
  const made = await call('POST', '/api/v1/dns/zones', {
    name: 'example.com',
    nameservers: ['ns1.example.net'],
    records: ['www 300 A 192.0.2.1', ...lines],
  });
  assert.equal(made.status, 201, JSON.stringify(made.body));
}

/** What a client of the zone gets. */
async function asked(call: TCall, name: string, type = 'A'): Promise<string[]> {
  const { body } = await call('GET', `/api/v1/dns/query?name=${name}&type=${type}`);
  return (body as { answer: { data: string }[] }).answer.map(({ data }) => data);
}

const serialOf = async (call: TCall): Promise<number> =>
  ((await call('GET', zone)).body as { serial: number }).serial;

test('PUT, GET and DELETE of a record set, seen by the next query', async (context) => {
  const { call } = await startApi(context);
  await withZone(call);
  const before = await serialOf(call);
  const made = await call('PUT', `${records}/api/a`, { ttl: 60, data: ['192.0.2.9', '192.0.2.8'] });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  assert.equal(made.headers.get('location'), '/api/v1/dns/zones/example.com/records/api/a');
  assert.deepEqual(made.body, {
    name: 'api.example.com.',
    type: 'A',
    ttl: 60,
    data: ['192.0.2.8', '192.0.2.9'],
    origin: 'api',
  });
  assert.deepEqual((await asked(call, 'api.example.com')).sort(), ['192.0.2.8', '192.0.2.9']);
  assert.equal(await serialOf(call), before + 1);
  const tag = made.headers.get('etag') ?? '';
  const unchanged = { 'if-none-match': tag };
  for (const place of ['api/A', 'api.example.com./TYPE1', 'API/a']) {
    const { status } = await call('GET', `${records}/${place}`, undefined, unchanged);
    assert.equal(status, 304, place);
  }
  // What was read may be sent back.
  const sent = await call('PUT', `${records}/api/A`, made.body, { 'if-match': tag });
  assert.deepEqual([sent.status, sent.headers.get('etag')], [200, tag]);
  const changed = await call('PUT', `${records}/api/A`, { data: '192.0.2.7' }, { 'if-match': tag });
  assert.deepEqual((changed.body as IRecordSetInfo).ttl, 3_600);
  const late = await call('PUT', `${records}/api/A`, { data: '192.0.2.6' }, { 'if-match': tag });
  problem(late, 412, 'PRECONDITION_FAILED');
  const only = { 'if-none-match': '*' };
  problem(
    await call('PUT', `${records}/api/A`, { data: '192.0.2.6' }, only),
    412,
    'PRECONDITION_FAILED',
  );
  problem(
    await call('DELETE', `${records}/api/A`, undefined, { 'if-match': tag }),
    412,
    'PRECONDITION_FAILED',
  );
  assert.equal((await call('DELETE', `${records}/api/A`)).status, 204);
  problem(await call('GET', `${records}/api/A`), 404, 'RECORD_UNKNOWN');
  problem(await call('DELETE', `${records}/api/A`), 404, 'RECORD_UNKNOWN');
  assert.deepEqual(await asked(call, 'api.example.com'), []);
  problem(await call('GET', '/api/v1/dns/zones/none/records/a/A'), 404, 'ZONE_UNKNOWN');
});

test('types and texts: the apex, wildcards, TXT, ALIAS, health, unknown types, relative names', async (context) => {
  const { call } = await startApi(context);
  await withZone(call);
  const sets: [place: string, body: object, data: string[]][] = [
    [
      '@/MX',
      { data: ['10 mail', '20 mail.example.net.'] },
      ['10 mail.example.com.', '20 mail.example.net.'],
    ],
    ['%2A/CNAME', { data: '@' }, ['example.com.']],
    ['@/TXT', { data: '"v=spf1 -all" "more"' }, ['"v=spf1 -all" "more"']],
    ['_sip._tcp/SRV', { data: '1 2 5060 sip' }, ['1 2 5060 sip.example.com.']],
    ['odd/TYPE65534', { data: '\\# 2 c001' }, ['\\# 2 C001']],
    ['h/HTTPS', { data: '1 . alpn=h2' }, ['1 . alpn="h2"']],
    ['al/ALIAS', { data: 'www' }, ['www.example.com.']],
    ['b%C3%BCcher/A', { data: '192.0.2.1' }, ['192.0.2.1']],
    ['a%5C.b/A', { data: '192.0.2.1' }, ['192.0.2.1']],
  ];
  for (const [place, body, data] of sets) {
    const made = await call('PUT', `${records}/${place}`, body);
    assert.equal(made.status, 201, `${place} ${JSON.stringify(made.body)}`);
    assert.deepEqual((made.body as IRecordSetInfo).data, data, place);
  }
  const health = { upstream: 'web', whenAllDead: 'none' };
  const living = await call('PUT', `${records}/lb/A`, { ttl: 5, health });
  assert.deepEqual((living.body as IRecordSetInfo).health, health, JSON.stringify(living.body));
  const idn = await call('GET', `${records}?name=b%C3%BCcher`);
  assert.equal((idn.body as IPage).items[0]?.name, 'xn--bcher-kva.example.com.');
});

test('GET …/records: pages in canonical order that hold while records come and go', async (context) => {
  const { call } = await startApi(context);
  const lines = Array.from({ length: 25 }, (_, at) => `h${at} A 192.0.2.${at}`);
  await withZone(call, [...lines, 'h3 TXT "x"', 'h3 AAAA ::1', 'a.h3 A 192.0.2.200']);
  const all = (await call('GET', `${records}?limit=1000`)).body as IPage;
  assert.equal(all.total, all.items.length);
  assert.equal(all.items[0]?.type, 'SOA');
  const seen: string[] = [];
  let cursor: string | null = null;
  let rounds = 0;
  do {
    const query: string = cursor === null ? '' : `&cursor=${cursor}`;
    const answer = await call('GET', `${records}?limit=4${query}`);
    const page = answer.body as IPage;
    assert.ok(page.nextCursor === null || answer.headers.get('link')?.includes('/records?'));
    seen.push(...page.items.map(({ name, type }) => `${name} ${type}`));
    if (rounds++ === 2) {
      // The one that the cursor stands after goes, and one in front of it comes.
      const last = page.items.at(-1);
      await call('DELETE', `${records}/${last?.name}/${last?.type}`);
      await call('PUT', `${records}/_a/TXT`, { data: '"x"' });
    }
    cursor = page.nextCursor;
  } while (cursor !== null);
  assert.deepEqual(
    seen,
    all.items.map(({ name, type }) => `${name} ${type}`),
  );
  const names = async (query: string): Promise<string[]> => {
    const { items } = (await call('GET', `${records}?${query}`)).body as IPage;
    return items.map(({ name, type }) => `${name.replace('.example.com.', '')} ${type}`);
  };
  assert.deepEqual(await names('name=h3'), ['h3 A', 'h3 TXT', 'h3 AAAA']);
  assert.deepEqual(await names('name=h3&below=true'), ['h3 A', 'h3 TXT', 'h3 AAAA', 'a.h3 A']);
  assert.deepEqual(await names('type=aaaa'), ['h3 AAAA']);
  assert.deepEqual(await names('origin=api'), ['_a TXT']);
  assert.deepEqual(await names('name=none'), []);
  for (const query of [
    'cursor=x',
    'cursor=eA',
    'type=nonsense',
    'type=ANY',
    'name=other.net.',
    'name=..',
    'below=1',
    'limit=0',
    'x=1',
  ]) {
    problem(await call('GET', `${records}?${query}`), 400, 'REQUEST_INVALID');
  }
  const hint = problem(
    await call('GET', `${records}?name=www.example.com`),
    400,
    'REQUEST_INVALID',
  );
  assert.equal(hint.problems[0]?.suggestion, 'www.example.com.');
});

test('PUT …/records: many sets at once, all or none', async (context) => {
  const { call } = await startApi(context);
  await withZone(call);
  const before = await serialOf(call);
  const done = await call('PUT', records, [
    { name: 'a', type: 'A', ttl: 1, data: ['192.0.2.1'] },
    { name: 'b.example.com.', type: 'aaaa', data: '2001:db8::1' },
    { name: 'www', type: 'A', data: [] },
    { name: 'never', type: 'TXT', data: [] },
  ]);
  assert.deepEqual(done.body, { zone: 'example.com', serial: before + 1, sets: 4 });
  assert.deepEqual(await asked(call, 'www.example.com'), []);
  const good = { name: 'c', type: 'A', data: '192.0.2.1' };
  const bad: [path: string, item: unknown][] = [
    ['[1].data', { name: 'd', type: 'A', data: '192.0.2.300' }],
    ['[1].data[1]', { name: 'd', type: 'A', data: ['192.0.2.1', 'x'] }],
    ['[1].data', { name: 'd', type: 'TXT', data: 'v=spf1 -all' }],
    ['[1].data', { name: 'd', type: 'A', data: '192.0.2.1 ; x' }],
    ['[1].data', { name: 'd', type: 'A', data: '192.0.2.1\nwww A 192.0.2.2' }],
    ['[1].data', { name: 'd', type: 'A' }],
    ['[1].data', { name: 'd', type: 'A', data: 5 }],
    ['[1].type', { name: 'd', type: 'AAA', data: '192.0.2.1' }],
    ['[1].type', { name: 'd', type: 'ANY', data: '192.0.2.1' }],
    ['[1].type', { name: 'd', type: 'MX', health: { upstream: 'a' } }],
    ['[1].name', { name: 'other.net.', type: 'A', data: '192.0.2.1' }],
    ['[1].name', { name: 'd.example.com', type: 'A', data: '192.0.2.1' }],
    ['[1].name', { name: `${'a'.repeat(64)}`, type: 'A', data: '192.0.2.1' }],
    ['[1].name', { name: `${'a.'.repeat(125)}a`, type: 'A', data: '192.0.2.1' }],
    ['[1].name', { name: 'a\u0000b', type: 'A', data: '192.0.2.1' }],
    ['[1].name', { name: 'x'.repeat(100_000), type: 'A', data: '192.0.2.1' }],
    ['[1].ttl', { name: 'd', type: 'A', ttl: -1, data: '192.0.2.1' }],
    ['[1].ttl', { name: 'd', type: 'A', ttl: 2 ** 31, data: '192.0.2.1' }],
    ['[1]', { name: 'C', type: 'a', data: '192.0.2.2' }],
    ['[1].odd', { name: 'd', type: 'A', data: '192.0.2.1', odd: 1 }],
    ['[1]', 'd A 192.0.2.1'],
    ['[1]', null],
    ['c.example.com. CNAME', { name: 'c', type: 'CNAME', data: 'www' }],
    ['example.com. NS', { name: '@', type: 'NS', data: [] }],
    ['example.com. SOA', { name: '@', type: 'SOA', data: [] }],
  ];
  for (const [path, item] of bad) {
    const { problems } = problem(await call('PUT', records, [good, item]), 422, 'ZONE_INVALID');
    const text = JSON.stringify(problems);
    assert.ok(
      problems.some((one) => one.path === path),
      `${path}: ${text.slice(0, 500)}`,
    );
    assert.ok(text.length < 10_000, path);
  }
  for (const input of [{}, [], 'null', 5]) {
    const { status } = await call('PUT', records, input);
    assert.equal(status, 422, JSON.stringify(input));
  }
  assert.equal(await serialOf(call), before + 1, 'nothing of it was done');
  problem(await call('GET', `${records}/c/A`), 404, 'RECORD_UNKNOWN');
});

test('a record set alone: what is refused, by the place and with a hint', async (context) => {
  const { call } = await startApi(context);
  await withZone(call);
  const bodies: [path: string, body: unknown][] = [
    ['data', {}],
    ['data', { data: [] }],
    ['data[0]', { data: [''] }],
    ['type', { type: 'AAAA', data: '192.0.2.1' }],
    ['name', { name: 'other', data: '192.0.2.1' }],
    ['health.upstream', { health: {} }],
    ['health.members[0].address', { health: { upstream: 'a', members: [{ address: '::1' }] } }],
    ['', []],
  ];
  for (const [path, body] of bodies) {
    const { problems } = problem(await call('PUT', `${records}/x/A`, body), 422, 'ZONE_INVALID');
    assert.ok(
      problems.some((one) => one.path === path),
      `${path} ${JSON.stringify(problems)}`,
    );
  }
  const texts = problem(
    await call('PUT', `${records}/x/TXT`, { data: 'v=spf1 -all' }),
    422,
    'ZONE_INVALID',
  );
  assert.equal(texts.problems[0]?.suggestion, '"v=spf1 -all"');
  const places = [
    'x/NONSENSE',
    'x/ANY',
    'x/TYPE0',
    'x/TYPE99999',
    'other.net./A',
    'a..b/A',
    '%00/A',
    '%E2%80%AE/A',
    '%20/A',
    'x/%00',
  ];
  for (const place of places) {
    problem(
      await call('PUT', `${records}/${place}`, { data: '192.0.2.1' }),
      400,
      'REQUEST_INVALID',
    );
  }
  const twice = problem(
    await call('PUT', `${records}/www.example.com/A`, { data: '192.0.2.1' }),
    400,
    'REQUEST_INVALID',
  );
  assert.equal(twice.problems[0]?.suggestion, 'www.example.com.');
  problem(await call('DELETE', `${records}/@/SOA`), 422, 'ZONE_INVALID');
  problem(await call('PUT', `${records}/www/CNAME`, { data: 'x' }), 422, 'ZONE_INVALID');
  const soa = await call('PUT', `${records}/@/SOA`, { data: 'ns1.example.net. h 4000000 1 1 1 1' });
  assert.equal(soa.status, 200, JSON.stringify(soa.body));
  assert.equal(await serialOf(call), 4_000_000);
});

test('revert: one set, one name, all', async (context) => {
  const { call } = await startApi(context);
  await withZone(call);
  await call('PUT', `${records}/www/A`, { data: '192.0.2.99' });
  await call('PUT', `${records}/www/AAAA`, { data: '::1' });
  await call('PUT', `${records}/new/A`, { data: '192.0.2.99' });
  const changed = async () => ((await call('GET', zone)).body as { changed: number }).changed;
  assert.equal(await changed(), 3);
  problem(await call('POST', `${zone}/revert`, { type: 'A' }), 422, 'BODY_INVALID');
  problem(await call('POST', `${zone}/revert`, { name: 5 }), 422, 'BODY_INVALID');
  problem(await call('POST', `${zone}/revert`, { name: 'other.net.' }), 400, 'REQUEST_INVALID');
  await call('POST', `${zone}/revert`, { name: 'www', type: 'A' });
  assert.deepEqual([await changed(), await asked(call, 'www.example.com')], [2, ['192.0.2.1']]);
  await call('POST', `${zone}/revert`, { name: 'www' });
  assert.equal(await changed(), 1);
  assert.equal((await call('POST', `${zone}/revert`)).status, 200);
  assert.equal(await changed(), 0);
});

test('changes of one zone at once: each is done, none is lost', async (context) => {
  const { call } = await startApi(context);
  await withZone(call);
  const before = await serialOf(call);
  const names = Array.from({ length: 30 }, (_, at) => `n${at}`);
  const made = await Promise.all(
    names.map((name) => call('PUT', `${records}/${name}/A`, { data: '192.0.2.1' })),
  );
  assert.deepEqual(new Set(made.map(({ status }) => status)), new Set([201]));
  assert.equal(await serialOf(call), before + 30);
  const { total } = (await call('GET', `${records}?origin=api`)).body as IPage;
  assert.equal(total, 30);
  // One of several that all depend on the same version may go ahead.
  const tag = made[0]?.headers.get('etag') ?? '';
  const tries = await Promise.all(
    names.map((_, at) =>
      call('PUT', `${records}/n0/A`, { data: `192.0.2.${at + 10}` }, { 'if-match': tag }),
    ),
  );
  const statuses = tries.map(({ status }) => status);
  assert.deepEqual(
    [statuses.filter((one) => one === 200).length, new Set(statuses)],
    [1, new Set([200, 412])],
  );
});

test('records, options and deletion of one zone at once: nothing is half done', async (context) => {
  const { call } = await startApi(context);
  await withZone(call);
  const names = Array.from({ length: 20 }, (_, at) => `n${at}`);
  const puts = names.map((name) => call('PUT', `${records}/${name}/A`, { data: '192.0.2.1' }));
  const patches = names.map((_, at) => call('PATCH', zone, { ttl: 100 + at }));
  const answers = await Promise.all([...puts, ...patches]);
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200, 201]));
  const { total } = (await call('GET', `${records}?origin=api`)).body as IPage;
  assert.equal(total, 20);
  const racing = await Promise.all([
    ...names.map((name) => call('PUT', `${records}/${name}/TXT`, { data: '"x"' })),
    call('DELETE', zone),
    ...names.map((name) => call('PUT', `${records}/${name}/AAAA`, { data: '::1' })),
  ]);
  for (const { status, body } of racing) {
    assert.ok([201, 204, 404].includes(status), JSON.stringify(body));
  }
  await withZone(call);
  const after = (await call('GET', zone)).body as { changed: number; records: number };
  assert.deepEqual([after.changed, after.records], [0, 3], 'nothing of the zone before is left');
});
