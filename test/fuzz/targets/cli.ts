/**
 * The command line: every command's flags, what run and create make of them, templates of --format, what a daemon
 * streams back.
 */
import assert from 'node:assert/strict';
import { entries, groups } from '../../../src/cli/command/catalog.ts';
import type { Command } from '../../../src/cli/command/command.ts';
import { FlagError, FlagSet } from '../../../src/cli/command/flag-set.ts';
import { StatusError } from '../../../src/cli/command/status-error.ts';
import { parseReference } from '../../../src/model/image-reference.ts';
import { createRequest } from '../../../src/cli/container/create-request.ts';
import { Demultiplexer } from '../../../src/cli/container/demultiplexer.ts';
import { splitCsv } from '../../../src/cli/format/csv.ts';
import { parseDurationNs } from '../../../src/cli/format/duration.ts';
import { indentJson } from '../../../src/cli/format/json-indent.ts';
import { formatList } from '../../../src/cli/format/list-output.ts';
import { parseRamBytes } from '../../../src/cli/format/size.ts';
import { parseTimestamp } from '../../../src/cli/format/timestamp.ts';
import { Template, TemplateError } from '../../../src/base/template/template.ts';
import type { Target } from '../campaign.ts';
import { mutateBytes, mutateText } from '../mutate.ts';
import { hostileText, type Random } from '../random.ts';
import { WORDS } from './requests.ts';

const commands: Command[] = [];
for (const entry of [...entries, ...groups.flatMap((group) => group.entries)]) commands.push(await entry.load());
const creating = commands.filter(
  (command) => command.use.startsWith('run ') || command.use.startsWith('create [OPTIONS] IMAGE'),
);

/** Reads files of whoever calls it: what is in them is not this target's. */
const FILE_FLAGS = new Set(['env-file', 'label-file', 'cidfile']);

const VALUES = [
  ...WORDS.words,
  ...Object.values(WORDS.byField).flat(),
  '80:80',
  '127.0.0.1:80-90:80-90/udp',
  'type=bind,source=/x,target=/y',
  'type=volume,dst=/z,volume-opt=a=b',
  'name=net,ip=10.9.0.7,alias=x',
  'nofile=1:2',
  '1g',
  '0.5',
  '10s',
  'on-failure:3',
  'max-size=1m',
  '/dev/null:/dev/x:rwm',
  'c 1:3 rwm',
  '/dev/null:1mb',
  'size=1m',
  'all',
  'true',
  'maybe',
  'gpus=all',
];

function words(random: Random, flags: Command['flags']): string[] {
  return random
    .list(12, () => {
      const flag = random.pick(flags);
      if (flags.length === 0 || FILE_FLAGS.has(flag.name) || random.once(6)) return hostileText(random, VALUES);
      const value = hostileText(random, VALUES).slice(0, 2000);
      const forms = [
        `--${flag.name}`,
        `--${flag.name}=${value}`,
        `-${flag.short ?? flag.name}`,
        `-${flag.short ?? 'h'}${value}`,
        `-${flag.short ?? ''}=${value}`,
      ];
      return random.pick(forms);
    })
    .flatMap((word) => (word.startsWith('-') && random.once(2) ? [word, hostileText(random, VALUES)] : [word]));
}

function readEvery(flags: FlagSet, command: Command): void {
  for (const { name, type, aliasOf } of command.flags) {
    if (aliasOf !== undefined) continue;
    const value =
      typeof type.zero === 'boolean'
        ? flags.bool(name)
        : typeof type.zero === 'string'
          ? flags.string(name)
          : typeof type.zero === 'number'
            ? flags.number(name)
            : flags.objects(name);
    assert.equal(typeof value, typeof type.zero, `--${name}`);
  }
}

const rowMethods = {
  ID: () => 'abc',
  Names: () => 'web',
  Labels: () => 'a=b',
  Label: (name: string) => `<${name}>`,
  Size: () => '1MB',
  Ports: () => ['80/tcp'],
  State: () => null,
};
const inspected = {
  Id: 'abc',
  State: { Running: true, Pid: 7, Health: null },
  Config: { Labels: { a: 'b' }, Env: ['A=b'] },
  NetworkSettings: { Networks: { bridge: { IPAddress: '10.0.0.2' } }, Ports: { '80/tcp': [{ HostPort: '80' }] } },
  Size: 1e21,
  Created: null,
};
const TEMPLATES = [
  '{{.Id}}',
  '{{json .}}',
  '{{range $k, $v := .NetworkSettings.Networks}}{{$k}}={{$v.IPAddress}} {{end}}',
  '{{if .State.Running}}up{{else}}down{{end}}',
  '{{index .Config.Labels "a"}}',
  '{{printf "%-10s|%5d" .Id .State.Pid}}',
  '{{with .State}}{{.Pid}}{{end}}',
  '{{.Label "a"}}\t{{.Names}}',
  'table {{.ID}}\t{{.Names}}',
  '{{len .Config.Env | printf "%03d"}}',
  '{{split .Id "b"}}',
  '{{- /* c */ -}}',
  '{{eq 1 2 3}}',
  '{{slice .Id 1 2}}',
  '{{$x := .Id}}{{$x}}',
];
const TEMPLATE_WORDS = [
  '{{',
  '}}',
  '{{end}}',
  '{{else}}',
  '{{range .}}',
  '{{template "x"}}',
  '{{define "x"}}',
  '{{block "x" .}}',
  '{{break}}',
  '.',
  '$',
  '|',
  '(',
  ')',
  '"',
  '`',
  'json ',
  'index ',
  'printf "%*d" ',
  '%c',
  '%q',
  '%x',
  '%e',
  '%v',
  '999999999',
  'and ',
  'or ',
  'not ',
  'len ',
  'slice ',
  'call ',
  'html ',
  'js ',
  'pad ',
  'truncate ',
  'title ',
  'join ',
  ':=',
  '.Config.Env',
  '.State',
  '.Created',
  '0x1p-2',
  "'a'",
  '1e400',
  '-',
];

export const cliTargets: readonly Target[] = [
  {
    name: 'command flags',
    refusals: [FlagError],
    make: (random) => {
      const command = random.below(commands.length);
      return { json: { command, argv: words(random, commands[command]!.flags) } };
    },
    read(input) {
      const { command, argv } = (input as { json: { command?: number; argv?: string[] } }).json;
      const chosen = commands[command ?? 0];
      if (!chosen) return;
      const flags = new FlagSet(chosen.flags);
      flags.parse(argv ?? [], { interspersed: chosen.interspersed ?? true });
      readEvery(flags, chosen);
    },
  },
  {
    name: 'run and create',
    refusals: [FlagError, StatusError, Error],
    make: (random) => ({ json: words(random, creating[0]!.flags) }),
    read(input) {
      const flags = new FlagSet(creating[0]!.flags);
      flags.parse([...((input as { json: string[] }).json ?? []), 'busybox', 'true'], { interspersed: false });
      const [image = '', ...rest] = flags.args;
      JSON.stringify(createRequest(flags, image, rest));
    },
  },
  {
    name: 'templates of inspect',
    refusals: [TemplateError],
    make: (random) => mutateText(random, TEMPLATES, TEMPLATE_WORDS),
    read(input) {
      new Template(input as string).execute(inspected, { missingKeyFails: true });
    },
  },
  {
    name: 'templates of lists',
    refusals: [StatusError],
    make: (random) => mutateText(random, TEMPLATES, TEMPLATE_WORDS),
    read(input) {
      formatList({ type: '*formatter.Context', headers: { ID: 'ID', Names: 'NAMES' } }, input as string, [
        rowMethods,
        rowMethods,
      ]);
    },
  },
  {
    name: 'stream of output',
    refusals: [Error],
    make: (random) =>
      mutateBytes(random, [
        Buffer.from('\x01\0\0\0\0\0\0\x03abc\x02\0\0\0\0\0\0\x01x', 'latin1'),
        Buffer.from('\x03\0\0\0\0\0\0\x02no', 'latin1'),
      ]),
    read(input) {
      const demultiplexer = new Demultiplexer((stream, data) =>
        assert.ok((stream === 1 || stream === 2) && data.length > 0),
      );
      const bytes = input as Buffer;
      for (let at = 0; at < bytes.length; at += 5) demultiplexer.push(bytes.subarray(at, at + 5));
    },
  },
  {
    name: 'values of flags',
    refusals: [Error, FlagError, StatusError],
    make: (random) =>
      mutateText(
        random,
        ['1h2m', '10.5s', '1g', '512kb', 'a,"b,c"', '2024-01-01', '{"a":[1,{"b":2}]}', 'localhost:5000/x:y'],
        ['"', ',', 'h', 'ms', 'µs', 'g', '.', '-', '{', '['],
      ),
    read(input) {
      for (const parse of [
        parseDurationNs,
        parseRamBytes,
        splitCsv,
        parseTimestamp,
        parseReference,
        indentJson,
      ] as readonly ((text: string) => unknown)[]) {
        try {
          parse(input as string);
        } catch (error) {
          if ((error as Error).constructor !== Error && !(error instanceof StatusError)) throw error;
        }
      }
    },
  },
];
