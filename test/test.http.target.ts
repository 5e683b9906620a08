import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pathOf, resolveDots, rewritePath } from '../ts/proxy/http/target.ts';

const resolved: { target: string; expected: string | null; why: string }[] = [
  { target: '/', expected: '/', why: 'the root' },
  { target: '/a/b?c=d', expected: '/a/b?c=d', why: 'nothing to do' },
  { target: '*', expected: '*', why: 'no path' },
  { target: '/a/./b', expected: '/a/b', why: 'one dot means here' },
  { target: '/./a', expected: '/a', why: 'one dot first' },
  { target: '/a/.', expected: '/a/', why: 'one dot last means the folder' },
  { target: '/a/../b', expected: '/b', why: 'two dots mean the folder above' },
  { target: '/a/b/../../c', expected: '/c', why: 'twice' },
  { target: '/a/..', expected: '/', why: 'two dots last' },
  { target: '/a/b/..', expected: '/a/', why: 'two dots last' },
  { target: '/..', expected: null, why: 'above the root' },
  { target: '/../a', expected: null, why: 'above the root' },
  { target: '/a/../../b', expected: null, why: 'above the root' },
  { target: '/../../a', expected: null, why: 'twice above the root does not come back' },
  { target: '/../../../a', expected: null, why: 'thrice above the root' },
  { target: '/a/../..', expected: null, why: 'above the root last' },
  { target: '/../a/b', expected: null, why: 'back below the root is too late' },
  { target: '/a//../b', expected: '/a/b', why: 'an empty segment is a segment' },
  { target: '//../a', expected: '/a', why: 'an empty segment is a segment' },
  { target: '/...', expected: '/...', why: 'three dots are a name' },
  { target: '/..a/.b/c..', expected: '/..a/.b/c..', why: 'names with dots' },
  { target: '/.well-known/x', expected: '/.well-known/x', why: 'a name with a dot' },
  { target: '/a?b=/../c', expected: '/a?b=/../c', why: 'a query has no segments' },
  { target: '/a/../b?c=/../%2e', expected: '/b?c=/../%2e', why: 'the query stays' },
  { target: '/a?%zz', expected: '/a?%zz', why: 'a query may have what it likes' },
  // Encoded.
  { target: '/%2e/a', expected: '/a', why: 'an encoded dot' },
  { target: '/a/%2e%2e/b', expected: '/b', why: 'two encoded dots' },
  { target: '/a/%2E./b', expected: '/b', why: 'one of two encoded, in capitals' },
  { target: '/a/.%2e/b', expected: '/b', why: 'the other one' },
  { target: '/%2e%2e/a', expected: null, why: 'encoded above the root' },
  {
    target: '/%61dmin',
    expected: '/admin',
    why: 'an encoded letter is the letter (RFC 3986 §6.2.2.2)',
  },
  { target: '/a%2Db%5F%7E%39', expected: '/a-b_~9', why: 'all that need no encoding' },
  { target: '/%C3%a9%20%2b', expected: '/%C3%a9%20%2b', why: 'what needs its encoding keeps it' },
  { target: '/%252e%252e/a', expected: '/%252e%252e/a', why: 'decoded once, not twice' },
  { target: '/a%2fb', expected: '/a%2fb', why: 'an encoded slash is a part of a name' },
  { target: '/a/b%00', expected: '/a/b%00', why: 'left to the backend' },
  { target: '/%', expected: null, why: 'no digits' },
  { target: '/%4', expected: null, why: 'one digit' },
  { target: '/%4g', expected: null, why: 'no hexadecimal digit' },
  { target: '/%%32%65', expected: null, why: 'decoding would make a new escape' },
  { target: '/%4?1', expected: null, why: 'the query does not complete an escape' },
  // What others take for a separator.
  { target: '/a/..%2fb', expected: null, why: 'climbs where slashes are decoded' },
  { target: '/a/%2e%2e%2Fb', expected: null, why: 'all encoded' },
  { target: '/a/x%2f..%2fb', expected: null, why: 'in the middle' },
  { target: '/a%2f..', expected: null, why: 'at the end' },
  { target: '/a/.%2fb', expected: null, why: 'one dot would vanish' },
  { target: '/a/..\\b', expected: null, why: 'climbs where backslashes are slashes' },
  { target: '/a\\..\\b', expected: null, why: 'climbs where backslashes are slashes' },
  { target: '/a/..%5cb', expected: null, why: 'an encoded backslash' },
  { target: '/a/..;/b', expected: null, why: 'climbs where `;` begins parameters' },
  { target: '/a/..;x=y/b', expected: null, why: 'with a parameter' },
  { target: '/a/.;/b', expected: null, why: 'one dot' },
  { target: '/a/%2e%2e;/b', expected: null, why: 'encoded' },
  { target: '/a;x=../b', expected: '/a;x=../b', why: 'dots in a parameter' },
  { target: '/a\\b', expected: '/a\\b', why: 'a backslash without dots' },
  {
    target: '/v1.0%2f2.0',
    expected: '/v1.0%2f2.0',
    why: 'names with dots around an encoded slash',
  },
];

for (const { target, expected, why } of resolved) {
  test(`resolveDots('${target}'): ${why}`, () => {
    const result = resolveDots(target);
    assert.equal(result, expected);
    // What is in normal form stays as it is.
    if (result !== null) assert.equal(resolveDots(result), result);
  });
}

test('a path with thousands of dots costs no more than its length', () => {
  const started = performance.now();
  assert.equal(resolveDots('/a/..'.repeat(4000)), '/');
  assert.equal(resolveDots('/.'.repeat(8000)), '/');
  assert.equal(resolveDots(`/${'%2e'.repeat(5000)}`), `/${'.'.repeat(5000)}`);
  assert.equal(resolveDots(`/.${'%2f'.repeat(5000)}`), null);
  assert.ok(performance.now() - started < 2000);
});

test('pathOf() ends at the first question mark', () => {
  assert.equal(pathOf('/a?b?c'), '/a');
  assert.equal(pathOf('/a'), '/a');
  assert.equal(pathOf('?'), '');
});

const rewritten: [string, string | null, string | null, string, string][] = [
  ['/api/x', '/api', null, '/x', 'the prefix goes'],
  ['/api', '/api', null, '/', 'the prefix is all'],
  ['/api/', '/api', null, '/', 'the prefix and a slash'],
  ['/api?x=1', '/api', null, '/?x=1', 'the prefix and a query'],
  ['/apix', '/api', null, '/apix', 'whole segments only'],
  ['/x/api', '/api', null, '/x/api', 'at the start only'],
  ['/API/x', '/api', null, '/API/x', 'paths have a case'],
  ['/x', null, '/v2', '/v2/x', 'a prefix comes'],
  ['/?x', null, '/v2', '/v2/?x', 'a prefix before the root'],
  ['/api/x', '/api', '/v2', '/v2/x', 'one for the other'],
  ['/x', '/api', '/v2', '/v2/x', 'without the prefix to strip'],
  ['/api//x', '/api', null, '//x', 'further slashes stay'],
  ['*', '/api', '/v2', '*', 'the target of OPTIONS is no path'],
  ['a:443', '/api', '/v2', 'a:443', 'the target of CONNECT is no path'],
];

for (const [target, strip, add, expected, why] of rewritten) {
  test(`rewritePath('${target}', ${strip}, ${add}): ${why}`, () => {
    assert.equal(rewritePath(target, strip, add), expected);
  });
}
