import assert from 'node:assert/strict';
import test from 'node:test';
import { expandWord, expandWords } from './expand.ts';

const values: Readonly<Record<string, string>> = { PWD: '/home', NULL: '', F: 'a.b.c', P: '/usr/local/bin' };
const variables = (name: string): string | undefined => values[name];
const expanded = (text: string): string => expandWord(text, variables, { escape: '\\' });

/** What comes of a text; undefined where it is refused. */
const WORDS: readonly (readonly [string, string | undefined])[] = [
  ["he'll'o", 'hello'],
  ["he'llo", undefined],
  ["he\\'llo", "he'llo"],
  ['abc\\tdef', 'abctdef'],
  ['"abc\\tdef"', 'abc\\tdef'],
  ['"abc\\\\tdef"', 'abc\\tdef'],
  ["'abc\\tdef'", 'abc\\tdef'],
  ['hello\\', 'hello'],
  ['"hello\\"', undefined],
  ['$.', '$.'],
  ['he$1x', 'hex'],
  ['he\\$PWD', 'he$PWD'],
  ['"he\\$PWD"', 'he$PWD'],
  ['\\${}', '${}'],
  ['${}', undefined],
  ['${.}', undefined],
  ['${PWD', undefined],
  ['${{aaa}', undefined],
  ['${aaa}}', '}'],
  ['${:-bbb}', undefined],
  ['he${XXX:-000}xx', 'he000xx'],
  ['he${XXX-000}xx', 'he000xx'],
  ['he${NULL-000}xx', 'hexx'],
  ['he${NULL:-000}xx', 'he000xx'],
  ['he${XXX:-${YYY:-yyy}}xx', 'heyyyxx'],
  ['he${PWD:+${PWD}:}xx', 'he/home:xx'],
  ['he${NULL+x}', 'hex'],
  ['he${NULL:+x}', 'he'],
  ['he${XXX?}', undefined],
  ['he${NULL?}', 'he'],
  ['he${NULL:?}', undefined],
  ['he${PWD:=000}xx', undefined],
  ['${aaa:-bbb {foo}', 'bbb {foo'],
  ['안녕${PWD}', '안녕/home'],
  ['$@@@', '@@'],
  ['$001aaa', 'aaa'],
  ['${F#*.}', 'b.c'],
  ['${F##*.}', 'c'],
  ['${F%.*}', 'a.b'],
  ['${F%%.*}', 'a'],
  ['${F#x}', 'a.b.c'],
  ['${F/./-}', 'a-b.c'],
  ['${F//./-}', 'a-b-c'],
  ['${F//?/x}', 'xxxxx'],
  ['${F/*/x}', 'x'],
  ['${P//\\//_}', '_usr_local_bin'],
  ['${P#/usr/}', 'local/bin'],
  ['${F:#a}', undefined],
  ['${F/a}', undefined],
];

for (const [text, wanted] of WORDS)
  test(`${text} is ${wanted ?? 'refused'}`, () => {
    if (wanted === undefined) assert.throws(() => expanded(text), /failed to process/);
    else assert.equal(expanded(text), wanted);
  });

test('what is not set says so in the words that were given', () => {
  assert.throws(() => expanded('${XXX:?give it}'), /XXX: give it/);
  assert.throws(() => expanded('${NULL:?}'), /NULL: is not allowed to be empty/);
});

test('words are divided after variables were put in, and not within quotes', () => {
  const list = (name: string): string | undefined => (name === 'PORTS' ? '80 443' : undefined);
  assert.deepEqual(expandWords('$PORTS "$PORTS" 1', list, { escape: '\\' }), ['80', '443', '80 443', '1']);
});

test('what would grow without end, nest too deep or match too long is refused', () => {
  const long = 'x'.repeat(200_000);
  const many = (): string => long;
  assert.throws(() => expandWord('$A'.repeat(10), many, { escape: '\\' }), /longer than 1048576 characters/);
  const nested = `${'${X:-'.repeat(2000)}y${'}'.repeat(2000)}`;
  assert.throws(() => expandWord(nested, variables, { escape: '\\' }), /nested too deeply|missing '}'/);
  assert.throws(() => expandWord(`\${A/${'*x'.repeat(500)}y/z}`, many, { escape: '\\' }), /takes too long to match/);
});
