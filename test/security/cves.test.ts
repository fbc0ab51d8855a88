import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { HOLES } from './cves.ts';

test('each test that is to show a hole closed exists, and each hole that applies has one', () => {
  for (const { cves, here, tests } of HOLES) {
    assert.ok(tests.length > 0 || here.startsWith('does not apply'), cves);
    for (const name of tests) {
      const [file = '', title = ''] = name.split(': ', 2);
      const source = readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8').replaceAll("\\'", "'");
      assert.ok(source.includes(title), `${cves}: ${file} has no test "${title}"`);
      assert.match(source, /\btest\(/, file);
    }
  }
});

test('no CVE stands in two classes', () => {
  const all = HOLES.flatMap(({ cves }) => cves.split(', '));
  assert.deepEqual(
    all.filter((cve, index) => all.indexOf(cve) !== index),
    [],
  );
  for (const cve of all) assert.match(cve, /^20\d\d-\d{4,7}$/);
});
