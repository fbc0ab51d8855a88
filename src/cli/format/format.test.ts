import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { splitCsv } from './csv.ts';
import { goDuration, humanDuration, parseDurationNs } from './duration.ts';
import { indentJson } from './json-indent.ts';
import { ellipsis, formatList, shortId } from './list-output.ts';
import { naturalOrder } from './natural-order.ts';
import { binarySize, humanSize, parseRamBytes } from './size.ts';
import { layoutColumns } from './table.ts';
import { parseTimestamp } from './timestamp.ts';

describe('what people read', () => {
  it('sizes', () => {
    assert.deepEqual(
      [0, 999, 1000, 4261550, 123456789].map((bytes) => humanSize(bytes, 3)),
      ['0B', '999B', '1kB', '4.26MB', '123MB'],
    );
    assert.deepEqual([2048, 8345169920].map(binarySize), ['2KiB', '7.772GiB']);
    assert.deepEqual(['32', '32b', '32k', '32KiB', '1.5 gb'].map(parseRamBytes), [32, 32, 32768, 32768, 1610612736]);
  });

  it('durations', () => {
    const spoken = [0, 1, 45, 65, 59 * 60, 3700, 47 * 3600, 49 * 3600, 15 * 86400, 70 * 86400, 800 * 86400].map(
      humanDuration,
    );
    assert.deepEqual(spoken, [
      'Less than a second',
      '1 second',
      '45 seconds',
      'About a minute',
      '59 minutes',
      'About an hour',
      '47 hours',
      '2 days',
      '2 weeks',
      '2 months',
      '2 years',
    ]);
    assert.deepEqual([0, 1500, 90e9, 3661e9, 1.5e9].map(goDuration), ['0s', '1.5µs', '1m30s', '1h1m1s', '1.5s']);
    fc.assert(fc.property(fc.integer({ min: 0, max: 10 ** 15 }), (ns) => parseDurationNs(goDuration(ns)) === ns));
  });

  it('times, as the API takes them', () => {
    assert.equal(parseTimestamp('1714557600.5'), '1714557600.5');
    assert.equal(parseTimestamp('2024-05-01T10:00:00.25Z'), '1714557600.250000000');
    assert.equal(parseTimestamp('10m', 1_714_557_600_000), '1714557000.000000000');
    assert.throws(() => parseTimestamp('yesterday'), /failed to parse value as time or duration: "yesterday"/);
  });

  it('columns', () => {
    assert.equal(
      layoutColumns('A\tLONGER THAN TEN\tC\nx\ty\tz\n'),
      'A         LONGER THAN TEN   C\nx         y                 z\n',
    );
    assert.equal(layoutColumns('jöb\tx\n'), 'jöb       x\n');
    assert.equal(layoutColumns('no cells\n'), 'no cells\n');
  });

  it('JSON laid out, its tokens untouched', () => {
    assert.equal(
      indentJson('{"a":[],"b":{},"c":[1,{"d":"x:{,\\u003c"}],"n":9007199254740993}'),
      '{\n    "a": [],\n    "b": {},\n    "c": [\n        1,\n        {\n            "d": "x:{,\\u003c"\n        }\n    ],\n    "n": 9007199254740993\n}',
    );
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify(value);
        assert.deepEqual(JSON.parse(indentJson(text)), JSON.parse(text));
        if (typeof value === 'object') assert.equal(indentJson(text), JSON.stringify(JSON.parse(text), undefined, 4));
      }),
    );
  });

  it('names in the order in which people count', () => {
    assert.deepEqual(['net10', 'net9', 'a', 'net', 'B'].toSorted(naturalOrder), ['B', 'a', 'net', 'net9', 'net10']);
  });

  it('short forms', () => {
    assert.equal(shortId(`sha256:${'1234567890ab'.repeat(5)}`), '1234567890ab');
    assert.deepEqual([ellipsis('short', 20), ellipsis('abcdefgh', 5)], ['short', 'abcd…']);
  });

  it('comma-separated words', () => {
    assert.deepEqual(splitCsv('type=bind,"src=/a,b","say ""hi"""'), ['type=bind', 'src=/a,b', 'say "hi"']);
    assert.throws(() => splitCsv('a"b'), /bare " in non-quoted-field/);
  });

  it('lists in every format', () => {
    const shape = { type: '*x', headers: { ID: 'ID HEADER', Name: 'NAME' } };
    const rows = [
      { ID: () => '1', Name: () => 'one' },
      { ID: () => '2', Name: () => '<two>' },
    ];
    assert.equal(
      formatList(shape, 'table {{.ID}}\\t{{.Name}}', rows),
      'ID HEADER   NAME\n1           one\n2           <two>\n',
    );
    assert.equal(formatList(shape, 'json', rows), '{"ID":"1","Name":"one"}\n{"ID":"2","Name":"\\u003ctwo\\u003e"}\n');
    assert.equal(formatList(shape, '{{.Name}}', rows), 'one\n<two>\n');
    assert.equal(formatList(shape, 'table {{upper .Name}}', []), 'NAME\n');
  });
});
