import assert from 'node:assert/strict';
import { test } from 'node:test';
import { changeLines, compileChanges, fieldLines } from '../ts/proxy/http/field-lines.ts';
import { fieldId, fieldIdOf, isKnownName } from '../ts/proxy/http/field-names.ts';
import { FieldTable } from '../ts/proxy/http/field-table.ts';
import {
  listItems,
  readConnectionOptions,
  trimBlanks,
  upgradeProtocols,
} from '../ts/proxy/http/list-values.ts';
import type { IHeaderChanges } from '../ts_interfaces/index.ts';

const lines = 'Host: a\r\nX-User: eve\r\nx-user: mallory\r\nX-Userid: 1\r\nAccept: X-User:\r\n';

function changed(changes: IHeaderChanges, before = lines): string[] {
  const compiled = compileChanges(changes);
  return (compiled === null ? before : changeLines(before, compiled)).split('\r\n').slice(0, -1);
}

const cases: { changes: IHeaderChanges; expected: string[]; why: string }[] = [
  {
    changes: { remove: ['X-USER'] },
    expected: ['Host: a', 'X-Userid: 1', 'Accept: X-User:'],
    why: 'every line of the name goes, in any case, and no other',
  },
  {
    changes: { set: { 'X-User': 'bob' } },
    expected: ['Host: a', 'X-Userid: 1', 'Accept: X-User:', 'X-User: bob'],
    why: 'set replaces every line of the name',
  },
  {
    changes: { set: { 'X-New': '1' } },
    expected: [...lines.split('\r\n').slice(0, -1), 'X-New: 1'],
    why: 'set adds what was not there',
  },
  {
    changes: { add: { 'X-User': 'bob' } },
    expected: [...lines.split('\r\n').slice(0, -1), 'X-User: bob'],
    why: 'add keeps what is there',
  },
  {
    changes: { remove: ['X-User'], set: { Accept: 'b' }, add: { accept: 'c' } },
    expected: ['Host: a', 'X-Userid: 1', 'Accept: b', 'accept: c'],
    why: 'remove, set, add, in this order',
  },
  {
    changes: { remove: ['Accep', 'X'] },
    expected: lines.split('\r\n').slice(0, -1),
    why: 'a part of a name is another name',
  },
  {
    changes: { set: { 'X-A': ' \tb c\t ' } },
    expected: [...lines.split('\r\n').slice(0, -1), 'X-A: b c'],
    why: 'white space around a value does not count',
  },
  {
    changes: { set: { 'X-A': '' } },
    expected: [...lines.split('\r\n').slice(0, -1), 'X-A: '],
    why: 'an empty value is a value',
  },
  {
    changes: { set: { 'X-A': '\xa0\xe4' } },
    expected: [...lines.split('\r\n').slice(0, -1), 'X-A: \xa0\xe4'],
    why: 'Latin-1 stays as it is',
  },
];

for (const { changes, expected, why } of cases) {
  test(`header changes ${JSON.stringify(changes)}: ${why}`, () => {
    assert.deepEqual(changed(changes), expected);
  });
}

test('a field that is set or removed takes along those that CGI would take for it', () => {
  const before = 'X_User: eve\r\nx-USER: eve\r\nXXUser: 1\r\nX_Auth-Id: eve\r\n';
  assert.deepEqual(changed({ remove: ['X-User'], set: { 'X-Auth_Id': 'bob' } }, before), [
    'XXUser: 1',
    'X-Auth_Id: bob',
  ]);
});

test('marks in names are no patterns', () => {
  const marks = "!#$%&'*+.^`|~";
  const before = `a${marks}: 1\r\nab: 2\r\na: 3\r\n`;
  assert.deepEqual(changed({ remove: [`a${marks}`, 'a*', 'a.', 'a|b', '.*'] }, before), [
    'ab: 2',
    'a: 3',
  ]);
});

test('the status line and the blank before fields stay', () => {
  const compiled = compileChanges({ remove: ['HTTP', 'Date'] });
  assert.ok(compiled !== null);
  assert.equal(
    changeLines('HTTP/1.1 200 Date: OK\r\nDate: x\r\n', compiled),
    'HTTP/1.1 200 Date: OK\r\n',
  );
  assert.equal(changeLines('\r\nDate: x\r\n', compiled), '\r\n');
});

test('Host has a place of its own', () => {
  const compiled = compileChanges({ set: { hOst: 'b', 'X-A': '1' } });
  assert.deepEqual([compiled?.host, compiled?.lines], ['b', 'X-A: 1\r\n']);
  assert.equal(compileChanges({ set: {} }), null);
  assert.equal(compileChanges({}), null);
});

const refused: [IHeaderChanges, string][] = [
  [{ set: { 'X-A': 'b\r\nX-B: c' } }, 'a line end would be a further field'],
  [{ set: { 'X-A': 'b\n' } }, 'LF'],
  [{ add: { 'X-A': 'b\r' } }, 'CR'],
  [{ set: { 'X-A': 'b\0' } }, 'NUL'],
  [{ set: { 'X-A': '\x7f' } }, 'DEL'],
  [{ set: { 'X-A': '\u20ac' } }, 'what Latin-1 does not have'],
  [{ set: { 'X-A': '\u010d\u010a' } }, 'whose low bytes are CR and LF'],
  [{ set: { 'X A': 'b' } }, 'a blank in a name'],
  [{ set: { 'X-A:': 'b' } }, 'a colon in a name'],
  [{ set: { '': 'b' } }, 'no name'],
  [{ add: { 'X-A\r\nX-B': 'b' } }, 'a line end in a name'],
  [{ remove: ['X\n'] }, 'a line end in a name'],
  [{ set: { Host: 'a\r\nX: b' } }, 'a line end in Host'],
];

for (const [changes, why] of refused) {
  test(`compileChanges() refuses ${JSON.stringify(changes)}: ${why}`, () => {
    assert.throws(() => compileChanges(changes), { code: 'ROUTE_INVALID' });
  });
}

function table(text: string): FieldTable {
  const fields = new FieldTable();
  const bytes = Buffer.from(`${text}\r\n`, 'latin1');
  assert.equal(fields.parse(bytes, 0, 0, bytes.length, 100), bytes.length);
  fields.text = bytes.toString('latin1');
  return fields;
}

test('fieldLines() leaves out known and nominated fields, wherever they stand', () => {
  const text = 'Via: 1\r\nA: 1\r\nvia: 2\r\nVIA: 3\r\nB: 2\r\nVia: 4\r\n';
  const fields = table(text);
  const via = 1 << fieldId.via;
  assert.equal(fieldLines(fields, 0, null), text);
  assert.equal(fieldLines(fields, via, null), 'A: 1\r\nB: 2\r\n');
  assert.equal(fieldLines(fields, via, new Set(['b'])), 'A: 1\r\n');
  assert.equal(fieldLines(fields, 1 << fieldId.cookie, null), text);
  assert.equal(fieldLines(table(''), via, null), '');
  assert.equal(fieldLines(table('Via: 1\r\n'), via, null), '');
});

test('fieldLines() writes what is not in its usual form anew', () => {
  assert.equal(fieldLines(table('A:1\r\nB: 2\r\n'), 0, null), 'A: 1\r\nB: 2\r\n');
  assert.equal(fieldLines(table('A: 1 \r\nB:\t2\r\n'), 0, null), 'A: 1\r\nB: 2\r\n');
  assert.equal(fieldLines(table('A:\r\n'), 0, null), 'A: \r\n');
  assert.equal(fieldLines(table('A: \r\n'), 0, null), 'A: \r\n');
});

test('fieldIdOf() knows names in any case, and what is taken for them', () => {
  const idOf = (name: string) => {
    const bytes = Buffer.from(`x${name}x`, 'latin1');
    return fieldIdOf(bytes, 1, bytes.length - 1);
  };
  const known: [string, number][] = [
    ['Host', fieldId.host],
    ['HOST', fieldId.host],
    ['te', fieldId.te],
    ['Content-Length', fieldId.contentLength],
    ['x-forwarded-for', fieldId.xForwardedFor],
    ['X-Forwarded-Anything', fieldId.xForwardedOther],
    ['X_Forwarded_For', fieldId.lookalike],
    ['X-Forwarded_For', fieldId.lookalike],
    ['X-Forwarded-Other_Name', fieldId.xForwardedOther],
    ['X-Forwarded_Other', fieldId.lookalike],
    ['X_Forwarded-Other', fieldId.lookalike],
    ['Content_Length', fieldId.lookalike],
    ['X-Forwarded-', fieldId.other],
    ['X-Forwarded', fieldId.other],
    ['Hosts', fieldId.other],
    ['Hos', fieldId.other],
    ['Content\rLength', fieldId.other],
    ['Content-Lengt\x48', fieldId.contentLength],
    ['Content-Lengt\xc8', fieldId.other],
    ['@ost', fieldId.other],
    ['\x28ost', fieldId.other],
    ['X', fieldId.other],
  ];
  for (const [name, id] of known) assert.equal(idOf(name), id, name);
  for (const name of ['host', 'via', 'x-forwarded-for', 'cookie']) assert.ok(isKnownName(name));
  for (const name of ['x-forwarded-port', 'accept', '']) assert.ok(!isKnownName(name));
});

test('lists are cut at commas; only spaces and tabs are white space', () => {
  assert.deepEqual(listItems(' a ,\tb\t,,\xa0c, '), ['a', 'b', '\xa0c']);
  assert.deepEqual(listItems(''), []);
  assert.equal(trimBlanks(' \t a b \t'), 'a b');
  assert.equal(trimBlanks(' \t '), '');
});

test('readConnectionOptions() tells options from names of fields', () => {
  assert.deepEqual(readConnectionOptions('Keep-Alive, X-A ,upgrade,TE,Trailer, x-a'), {
    closes: false,
    keepsAlive: true,
    upgrades: true,
    nominated: new Set(['x-a']),
  });
  assert.deepEqual(readConnectionOptions('CLOSE'), {
    closes: true,
    keepsAlive: false,
    upgrades: false,
    nominated: null,
  });
});

test('upgradeProtocols() leaves out other versions of HTTP', () => {
  assert.equal(upgradeProtocols('websocket'), 'websocket');
  assert.equal(
    upgradeProtocols('WebSocket, h2c, IRC/6.9, h2, RTA/x11'),
    'WebSocket, IRC/6.9, RTA/x11',
  );
  for (const name of ['h2c', 'H2', 'h3-29', 'HTTP/3', 'HTTPS', 'tls/1.2', 'a b', 'a/b/c', '']) {
    assert.equal(upgradeProtocols(name), '', name);
  }
  assert.equal(upgradeProtocols('h2o'), 'h2o');
});
