import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MethodSet } from './go-value.ts';
import { Template, TemplateError } from './template.ts';

const data = {
  Name: '/web',
  Pid: 7,
  Running: true,
  Args: ['a', 'b'],
  Labels: { b: '2', a: '<1>' },
  Empty: '',
  None: null,
  Nested: { Deep: { Value: 1 } },
};
const render = (source: string, of: unknown = data) => new Template(source).execute(of);
const failure = (source: string, of: unknown = data) => {
  try {
    new Template(source).execute(of, { missingKeyFails: true });
  } catch (error) {
    if (error instanceof TemplateError) return error.message;
    throw error;
  }
  return assert.fail(`no error: ${source}`);
};

describe('templates', () => {
  for (const [source, expected] of [
    ['{{.Name}} {{.Pid}} {{.Running}}', '/web 7 true'],
    ['{{.Args}} {{.Labels}} {{.None}} {{.Nosuch}}', '[a b] map[a:<1> b:2] <no value> <no value>'],
    ['{{json .Labels}} {{json .Args}} {{json .None}}', '{"a":"<1>","b":"2"} ["a","b"] null'],
    ['{{range .Args}}{{.}},{{end}}', 'a,b,'],
    ['{{range $i, $a := .Args}}{{$i}}{{$a}} {{end}}', '0a 1b '],
    ['{{range $k, $v := .Labels}}{{$k}}={{$v}};{{end}}', 'a=<1>;b=2;'],
    ['{{range .Empty}}x{{else}}none{{end}}'.replace('.Empty', '.None'), 'none'],
    ['{{range .Args}}{{if eq . "b"}}{{break}}{{end}}{{.}}{{end}}', 'a'],
    ['{{range .Args}}{{if eq . "a"}}{{continue}}{{end}}{{.}}{{end}}', 'b'],
    ['{{if .Empty}}a{{else if .Running}}b{{else}}c{{end}}', 'b'],
    ['{{with .Nested.Deep}}{{.Value}}{{$.Name}}{{end}}', '1/web'],
    ['{{with $x := .Name}}{{$x}}{{end}}', '/web'],
    ['a {{- " b " -}} c', 'a b c'],
    ['{{/* x */}}y{{- /* z */ -}} w', 'yw'],
    ['{{index .Labels "a"}} {{index .Args 1}} {{(index .Args 0)}}', '<1> b a'],
    ['{{.Name | printf "%s-%d" "x" 3 | len}}', '24'],
    [
      '{{printf "%5d|%-5s|%05d|%q|%v|%x|%t|%.2f" 42 "a" 7 "q" .Args 255 true 1.5}}',
      '   42|a    |00007|"q"|[a b]|ff|true|1.50',
    ],
    ['{{printf "%s"}} {{printf "x" 1}}', '%!s(MISSING) x%!(EXTRA int=1)'],
    ['{{println 1 "a"}}{{print 1 2 "a"}}', '1 a\n1 2a'],
    ['{{and 1 0 2}} {{or 0 "" 3}} {{not 0}}', '0 3 true'],
    ['{{eq 1 2 1}} {{ne "a" "b"}} {{lt 1 2}} {{ge 2 2}} {{gt "b" "a"}}', 'true true true true true'],
    [
      '{{slice .Name 1 3}} {{slice .Args 1}} {{upper "a"}} {{title "ab cd"}} {{truncate "abcdef" 3}} {{pad "x" 1 2}}|',
      'we [b] A Ab Cd abc  x  |',
    ],
    ['{{split "a:b" ":"}} {{join .Args "+"}}', '[a b] a+b'],
    ['{{$x := 1}}{{$x = 2}}{{$x}}', '2'],
    ['{{define "x"}}a{{.Value}}{{end}}{{template "x" .Nested.Deep}}{{template "x"}}', 'a1a<no value>'],
    ['{{range .Args}}{{block "b" .}}[{{.}}{{$}}]{{end}}{{end}}', '[aa][bb]'],
    ['{{.Nosuch.Deeper}} {{.None.Deeper}} {{(index .Labels "c").Deeper}}', '<no value> <no value> <no value>'],
    ['{{`raw\\n`}}{{"quoted\\n"}}', 'raw\\nquoted\n'],
  ] as const) {
    it(source, () => assert.equal(render(source), expected));
  }

  for (const [source, expected] of [
    ['{{.Nosuch}}', 'template: :1:2: executing "" at <.Nosuch>: map has no entry for key "Nosuch"'],
    [
      'a\n{{.Nested.Deep.Nosuch}}',
      'template: :2:9: executing "" at <.Nested.Deep.Nosuch>: map has no entry for key "Nosuch"',
    ],
    ['{{', 'template: :1: unclosed action'],
    ['{{nosuch}}', 'template: :1: function "nosuch" not defined'],
    ['{{end}}', 'template: :1: unexpected {{end}}'],
    ['{{if .Name}}', 'template: :1: unexpected EOF'],
    ['{{$x}}', 'template: :1: undefined variable "$x"'],
    ['{{}}', 'template: :1: missing value for command'],
    ['{{"a', 'template: :1: unterminated quoted string'],
    [
      '{{index .Args 9}}',
      'template: :1:2: executing "" at <index .Args 9>: error calling index: index out of range: 9',
    ],
    [
      '{{join .Name ","}}',
      'template: :1:7: executing "" at <.Name>: wrong type for value; expected []string; got string',
    ],
    ['{{eq 1 "a"}}', 'template: :1:2: executing "" at <eq 1 "a">: error calling eq: incompatible types for comparison'],
    ['{{len}}', 'template: :1:2: executing "" at <len>: wrong number of args for len: want 1 got 0'],
    ['{{template "nope"}}', 'template: :1:11: executing "" at <{{template "nope"}}>: template "nope" not defined'],
    ['{{define "x"}}', 'template: :1: unexpected EOF'],
    ['{{if true}}{{define "x"}}{{end}}{{end}}', 'template: :1: unexpected <define> in command'],
    ['{{$z := 1}}{{define "x"}}{{$z}}{{end}}', 'template: :1: undefined variable "$z"'],
    [
      '{{define "r"}}{{template "r" .}}{{end}}{{template "r" .}}',
      'template: :1:25: executing "r" at <{{template "r" .}}>: exceeded maximum template depth (500)',
    ],
  ] as const) {
    it(`refuses ${source}`, () => assert.equal(failure(source), expected));
  }

  it('call the methods of a row', () => {
    const row = new MethodSet('*formatter.X', { ID: () => 'i', Label: (name: string) => `<${name}>` });
    assert.equal(render('{{.ID}} {{.Label "a"}} {{json .}}', row), 'i <a> {"ID":"i"}');
    assert.equal(
      failure('{{.Foo}}', row),
      `template: :1:2: executing "" at <.Foo>: can't evaluate field Foo in type *formatter.X`,
    );
  });
});
