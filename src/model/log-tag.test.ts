import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expandLogTag, type TaggedContainer } from './log-tag.ts';

const ID = '7c48de0432c798a64b13e1a722d65f07769cc06ef033467150b118782512cb95';
const IMAGE = 'sha256:949553b13f3fb2ecc34b9dc867f00704fa49916d794c2d9d357e65fdf493d73c';
const container: TaggedContainer = {
  id: ID,
  name: 'tt',
  path: 'echo',
  args: ['hi'],
  imageId: IMAGE,
  image: 'busybox',
  createdAt: '2026-11-26T22:13:08.761774530Z',
  env: ['E=1'],
  labels: { a: 'lab' },
  options: { tag: '{{.}}' },
  logPath: '/l',
  hostname: 'vm',
};
const INFO = `map[tag:{{.}}] ${ID} /tt echo [hi] ${IMAGE} busybox`;

test('a tag is a template with all that Docker has, as Docker 28.5 expands it', () => {
  const cases: [template: string, expected: string][] = [
    ['', ''],
    ['plain', 'plain'],
    ['{{.Name}}/{{.FullID}}', `tt/${ID}`],
    ['{{.DaemonName}} {{.Hostname}} {{.Command}}', 'docker vm echo hi'],
    ['{{upper .Name}}{{truncate .ID 5}}', 'TT7c48d'],
    ['{{with .Name}}x{{.}}{{end}}', 'xtt'],
    ['{{range .ContainerEnv}}[{{.}}]{{end}}', '[E=1]'],
    ['{{index .ContainerLabels "a"}}{{.ContainerLabels.a}}{{.ContainerLabels.zz}}', 'lablab<no value>'],
    ['{{.Config.tag}}', '{{.}}'],
    ['{{.}}', `{${INFO} 2026-11-26 22:13:08.76177453 +0000 UTC [E=1] map[a:lab] /l docker}`],
    ['{{.ContainerCreated}}', '2026-11-26 22:13:08.76177453 +0000 UTC'],
    ['{{.ContainerCreated.Unix}}', '1795731188'],
    ['{{.ContainerArgs}} {{join .ContainerArgs ","}} {{split .Name "x"}}', '[hi] hi [tt]'],
    ['{{printf "%s-%s" .Name .ID | upper}}', 'TT-7C48DE0432C7'],
    ['{{- .Name -}} ', 'tt'],
    ['{{title .Name}}{{pad .Name 1 2}}', 'Tt tt  '],
    ['{{.ImageID}} {{.ContainerName}}', 'sha256:94955 /tt'],
    ['{{define "x"}}a{{end}}{{template "x"}}', 'a'],
    ['{{slice .ID 0 3}}', '7c4'],
    [
      '{{json .}}',
      `{"Config":{"tag":"{{.}}"},"ContainerID":"${ID}","ContainerName":"/tt","ContainerEntrypoint":"echo","ContainerArgs":["hi"],` +
        `"ContainerImageID":"${IMAGE}","ContainerImageName":"busybox","ContainerCreated":"2026-11-26T22:13:08.76177453Z",` +
        '"ContainerEnv":["E=1"],"ContainerLabels":{"a":"lab"},"LogPath":"/l","DaemonName":"docker"}',
    ],
  ];
  for (const [template, expected] of cases) assert.equal(expandLogTag(template, container), expected, template);
});

test("a tag that is no template is refused in Docker's words", () => {
  const cases: [template: string, reason: string][] = [
    ['{{.Nope}}', `:1:2: executing "log-tag" at <.Nope>: can't evaluate field Nope in type *logger.Info`],
    ['{{nope .Name}}', ':1: function "nope" not defined'],
    ['{{.Name', ':1: unclosed action'],
    ['{{if .Name}}', ':1: unexpected EOF'],
    ['{{.Name.Foo}}', `:1:7: executing "log-tag" at <.Name.Foo>: can't evaluate field Foo in type string`],
    ['{{.ID 5}}', ':1:2: executing "log-tag" at <.ID>: wrong number of args for ID: want 0 got 1'],
    ['{{truncate .ID}}', ':1:2: executing "log-tag" at <truncate>: wrong number of args for truncate: want 2 got 1'],
  ];
  for (const [template, reason] of cases)
    assert.throws(
      () => expandLogTag(template, container),
      { kind: 'invalid', message: `failed to initialize logging driver: template: log-tag${reason}` },
      template,
    );
});

test('a tag that would take for ever, or all memory, is refused', () => {
  for (const template of [
    '{{range 1000000000}}{{end}}',
    '{{range 1000000000}}x{{end}}',
    '{{define "r"}}{{template "r"}}{{template "r"}}{{end}}{{template "r"}}',
    `{{$x := "12345678"}}${'{{$x = printf "%s%s" $x $x}}'.repeat(64)}`,
    '{{pad .Name 100000000000 1}}',
    `{{$a := printf "%1000000s" "a"}}${'{{$b := upper $a}}'.repeat(10_000)}`,
    `{{$a := printf "%1000000s" "a"}}${'{{$b := truncate $a 1}}'.repeat(10_000)}`,
    `{{$a := printf "%1000s" "a"}}{{$a${' | upper | lower'.repeat(20_000)}}}`,
    `{{${'('.repeat(100_000)}1${')'.repeat(100_000)}}}`,
  ])
    assert.throws(() => expandLogTag(template, container), { kind: 'invalid' }, template.slice(0, 60));
  assert.equal(expandLogTag('{{printf "%99999999d" 1}}', container), '%!(NOVERB)%!(EXTRA int=1)');
});
