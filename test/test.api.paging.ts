import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { IPage } from '../ts/api/paging.ts';
import { RouteIndex } from '../ts/api/route-index.ts';
import type { IRouteView } from '../ts/api/route-view.ts';
import { makeControl, route, startApi, type TCall, takeIn } from './fixtures/control-plane.ts';

type TPage = IPage<IRouteView>;

async function page(call: TCall, query = ''): Promise<TPage> {
  const { status, body } = await call('GET', `/api/v1/routes${query}`);
  assert.equal(status, 200);
  return body as TPage;
}

test('GET /routes: pages of limit, and Link leads through all of them', async (context) => {
  const { call, control } = await startApi(context);
  const ids = Array.from({ length: 250 }, (_, number) => `r${String(number).padStart(3, '0')}`);
  takeIn(
    control,
    [...ids].reverse().map((id) => route(id)),
  );
  const first = await page(call);
  assert.deepEqual([first.items.length, first.total], [100, 250]);
  const found: string[] = [];
  let address: string | undefined = '/api/v1/routes?limit=99&q=example';
  while (address !== undefined) {
    const { body, headers } = await call('GET', address);
    found.push(...(body as TPage).items.map(({ id }) => id));
    assert.equal((body as TPage).total, 250);
    address = /^<([^>]+)>; rel="next"$/.exec(headers.get('link') ?? '')?.[1];
  }
  assert.deepEqual(found, ids);
});

test('GET /routes: a cursor survives that its own item goes and that others come', async (context) => {
  const { call, control } = await startApi(context);
  takeIn(
    control,
    ['b', 'd', 'f'].map((id) => route(id)),
  );
  const first = await page(call, '?limit=2');
  assert.deepEqual(
    first.items.map(({ id }) => id),
    ['b', 'd'],
  );
  await call('DELETE', '/api/v1/routes/d');
  for (const id of ['a', 'c', 'e']) await call('POST', '/api/v1/routes', route(id));
  const next = await page(call, `?limit=2&cursor=${first.nextCursor}`);
  assert.deepEqual(
    next.items.map(({ id }) => id),
    ['e', 'f'],
  );
  assert.equal(next.nextCursor, null);
});

test('GET /routes: vHost and q filter, together as well', async (context) => {
  const { call } = await startApi(context);
  for (const id of ['shop', 'shop-api', 'blog']) {
    await call('POST', '/api/v1/routes', { ...route(id, 'www.example.com'), paths: [`/${id}`] });
  }
  await call('POST', '/api/v1/routes', route('x', 'shop.example.net'));
  const idsOf = async (query: string) => (await page(call, query)).items.map(({ id }) => id);
  assert.deepEqual(await idsOf('?vHost=WWW.example.com'), ['blog', 'shop', 'shop-api']);
  assert.deepEqual(await idsOf('?q=SHOP'), ['shop', 'shop-api', 'x']);
  assert.deepEqual(await idsOf('?q=shop&vHost=www.example.com&limit=1'), ['shop']);
  assert.deepEqual(await idsOf('?vHost=*.example.com'), []);
  assert.deepEqual(await idsOf('?vHost=a%20b'), []);
});

for (const query of [
  'limit=0',
  'limit=1001',
  'limit=x',
  'limit=1&limit=2',
  'cursor=%21',
  'cursor=',
  'page=2',
]) {
  test(`GET /routes?${query} is 400`, async (context) => {
    const { call } = await startApi(context);
    const { status, body } = await call('GET', `/api/v1/routes?${query}`);
    assert.equal(status, 400);
    const [found] = (body as { problems: { path: string }[] }).problems;
    assert.equal(found?.path, query.split('=')[0]);
  });
}

test('RouteService: a page of 100,000 routes costs as much as a page of 100', async () => {
  const { control } = await makeControl();
  takeIn(
    control,
    Array.from({ length: 100_000 }, (_, number) => route(`route-${number}`)),
  );
  await control.routes.list();
  const started = performance.now();
  let cursor: string | null = null;
  for (let count = 0; count < 20; count++) {
    const found: TPage = await control.routes.list({
      limit: 10,
      ...(cursor === null ? {} : { cursor }),
    });
    cursor = found.nextCursor;
    assert.equal(found.total, 100_000);
  }
  const each = (performance.now() - started) / 20;
  assert.ok(each < 20, `a page took ${each} ms`);
  const changeStarted = performance.now();
  for (let count = 0; count < 50; count++) await control.routes.add(route(`new-${count}`));
  for (let count = 0; count < 50; count++) await control.routes.remove(`new-${count}.example.com`);
  const change = (performance.now() - changeStarted) / 100;
  assert.ok(change < 10, `a change took ${change} ms`);
});

test('RouteIndex: filter() goes on where it was when routes come and go while it rests', async () => {
  const index = new RouteIndex(
    Array.from({ length: 12_000 }, (_, number) => [String(number).padStart(5, '0'), 'h'] as const),
  );
  const found = index.filter((id) => id.endsWith('000'));
  for (let number = 0; number < 500; number++) index.remove(String(number).padStart(5, '0'), 'h');
  index.add('99000', 'h');
  assert.deepEqual((await found).length, 13);
  assert.equal(index.size, 11_501);
  assert.equal(index.idsOf('h').length, 11_501);
});
