import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FlagError, FlagSet, type Flag } from './flag-set.ts';
import * as type from './flag-types.ts';

const flags: Flag[] = [
  { name: 'interactive', short: 'i', type: type.bool, usage: '' },
  { name: 'tty', short: 't', type: type.bool, usage: '' },
  { name: 'rm', type: type.bool, usage: '' },
  { name: 'sig-proxy', type: type.bool, preset: 'true', usage: '' },
  { name: 'publish', short: 'p', type: type.list, usage: '' },
  { name: 'name', type: type.string, usage: '' },
  { name: 'memory', short: 'm', type: type.bytes, usage: '' },
  { name: 'cpus', type: type.cpus, usage: '' },
  { name: 'timeout', short: 'T', type: type.int, usage: '' },
  { name: 'time', aliasOf: 'timeout', type: type.int, usage: '' },
  { name: 'filter', short: 'f', type: type.filter, usage: '' },
  { name: 'opt', short: 'o', type: type.map, usage: '' },
  { name: 'words', type: type.strings, usage: '' },
  { name: 'wait', type: type.duration, usage: '' },
];

function parse(line: string, interspersed = false): FlagSet {
  const set = new FlagSet(flags);
  set.parse(line === '' ? [] : line.split(' '), { interspersed });
  return set;
}

describe('flags', () => {
  it('take their values in every form', () => {
    for (const line of [
      '-itp 80:80 img ls -l',
      '-it -p80:80 img ls -l',
      '-it -p=80:80 img ls -l',
      '-ti --publish 80:80 img ls -l',
      '-i -t --publish=80:80 -- img ls -l',
    ]) {
      const set = parse(line);
      assert.deepEqual(
        [set.bool('interactive'), set.bool('tty'), set.list('publish'), set.args],
        [true, true, ['80:80'], ['img', 'ls', '-l']],
        line,
      );
    }
  });

  it('end at the first argument, or do not', () => {
    assert.deepEqual(parse('a -i b').args, ['a', '-i', 'b']);
    const set = parse('a -i b --name c - d', true);
    assert.deepEqual([set.args, set.bool('interactive'), set.string('name')], [['a', 'b', '-', 'd'], true, 'c']);
    assert.deepEqual(parse('a -- -i', true).args, ['a', '-i']);
  });

  it('know what was given from what was not', () => {
    const set = parse('--rm=false --name=');
    assert.deepEqual(
      [set.bool('rm'), set.changed('rm'), set.changed('tty'), set.string('name'), set.changed('name')],
      [false, true, false, '', true],
    );
    assert.equal(parse('').bool('sig-proxy'), true);
    assert.equal(parse('--sig-proxy=0').bool('sig-proxy'), false);
    assert.equal(parse('--time 3').number('timeout'), 3);
  });

  it('collect lists, maps and filters', () => {
    const set = parse('-p 1 -p 2 -o a=1 -o b -o a=2=3 -f name=x -f name=y -f Label=k=v --words a,b --words c');
    assert.deepEqual([...set.list('publish')], ['1', '2']);
    assert.deepEqual(set.map('opt'), { a: '2=3', b: '' });
    assert.deepEqual(set.filters('filter'), { name: { x: true, y: true }, label: { 'k=v': true } });
    assert.deepEqual(set.list('words'), ['a', 'b', 'c']);
  });

  it('hold numbers in the units of the API', () => {
    assert.equal(parse('-m 1.5g').number('memory'), 1.5 * 1024 ** 3);
    assert.equal(parse('-m 64MiB').number('memory'), 64 * 1024 ** 2);
    assert.equal(parse('-m 100').number('memory'), 100);
    assert.equal(parse('--cpus 1.5').number('cpus'), 1_500_000_000);
    assert.equal(parse('--cpus .25').number('cpus'), 250_000_000);
    assert.equal(parse('-T 0x10').number('timeout'), 16);
    assert.equal(parse('--wait 1m30.5s').number('wait'), 90_500_000_000);
  });

  for (const [line, message] of [
    ['--nosuch', 'unknown flag: --nosuch'],
    ['-itz', "unknown shorthand flag: 'z' in -z"],
    ['-zi', "unknown shorthand flag: 'z' in -zi"],
    ['--name', 'flag needs an argument: --name'],
    ['-ip', "flag needs an argument: 'p' in -p"],
    ['--=x', 'bad flag syntax: --=x'],
    ['---x', 'bad flag syntax: ---x'],
    ['--rm=maybe', 'invalid argument "maybe" for "--rm" flag: strconv.ParseBool: parsing "maybe": invalid syntax'],
    ['-m 5x', `invalid argument "5x" for "-m, --memory" flag: invalid suffix: 'x'`],
    ['-T a', 'invalid argument "a" for "-T, --timeout" flag: strconv.ParseInt: parsing "a": invalid syntax'],
    [
      '-T 9223372036854775808',
      'invalid argument "9223372036854775808" for "-T, --timeout" flag: strconv.ParseInt: parsing "9223372036854775808": value out of range',
    ],
    ['--wait 5', 'invalid argument "5" for "--wait" flag: time: missing unit in duration "5"'],
    ['-f x', 'invalid argument "x" for "-f, --filter" flag: bad format of filter (expected name=value)'],
    ['--cpus 1.0000000001', 'invalid argument "1.0000000001" for "--cpus" flag: value is too precise'],
  ] as const) {
    it(`refuse ${line}`, () => {
      assert.throws(
        () => parse(line),
        (error) => error instanceof FlagError && error.message === message,
      );
    });
  }
});
