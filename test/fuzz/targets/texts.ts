/**
 * Files and lines that containers and hosts write: logs, passwd, hosts, resolv.conf, seccomp profiles, mounts of text.
 */
import assert from 'node:assert/strict';
import { parseSubnet } from '../../../src/model/addresses.ts';
import { parsePort } from '../../../src/model/port.ts';
import { parseExtraHosts } from '../../../src/network/hosts/extra-hosts.ts';
import { mergeUserLines } from '../../../src/network/hosts/user-lines.ts';
import { parseResolvConf, renderResolvConf } from '../../../src/network/dns/resolv-conf.ts';
import { parseBindings } from '../../../src/network/ports/port-edit.ts';
import { LogParser } from '../../../src/oci/log-parser.ts';
import { createError, execError, plainMessage } from '../../../src/oci/runtime-errors.ts';
import { parseSeccomp } from '../../../src/oci/seccomp.ts';
import { parseSecurityOptions } from '../../../src/model/security-options.ts';
import { parseSignal } from '../../../src/oci/signals.ts';
import { parseFilters, readFilters } from '../../../src/api/filters.ts';
import { DetachScanner, parseDetachKeys } from '../../../src/api/detach-keys.ts';
import { readRegistryAuth } from '../../../src/api/registry-auth.ts';
import { parseTimestampNs } from '../../../src/api/timestamps.ts';
import { negotiateVersion } from '../../../src/api/versions.ts';
import type { Input, Target } from '../campaign.ts';
import { mutateBytes, mutateJson, mutateText } from '../mutate.ts';
import { hostileJson } from '../random.ts';

const LOG =
  '2024-05-01T10:00:00.123456789+02:00 stdout F hello\n2024-05-01T10:00:00.123456790+02:00 stderr P part\n2024-05-01T10:00:01.000000000+02:00 stderr F rest\n';
const PROFILE = {
  defaultAction: 'SCMP_ACT_ERRNO',
  defaultErrnoRet: 1,
  archMap: [{ architecture: 'SCMP_ARCH_X86_64', subArchitectures: ['SCMP_ARCH_X86'] }],
  flags: ['x'],
  syscalls: [
    {
      names: ['read'],
      action: 'SCMP_ACT_ALLOW',
      args: [{ index: 0, value: 1, op: 'SCMP_CMP_EQ' }],
      includes: { caps: ['CAP_SYS_ADMIN'], arches: ['amd64'], minKernel: '4.8' },
      excludes: { caps: ['x'] },
    },
    { name: 'write', action: 'SCMP_ACT_LOG', errnoRet: 2 },
  ],
};

const text = (
  name: string,
  samples: readonly string[],
  words: readonly string[],
  read: (input: string) => void,
): Target => ({
  name,
  make: (random) => mutateText(random, samples, words),
  read: (input: Input) => read(input as string),
});

export const textTargets: readonly Target[] = [
  {
    name: 'log file',
    make: (random) =>
      mutateBytes(random, [Buffer.from(LOG), Buffer.from(LOG.repeat(3)), Buffer.from(LOG.replaceAll('F', 'P'))]),
    read(input) {
      const parser = new LogParser();
      const bytes = input as Buffer;
      for (let at = 0; at < bytes.length; at += 50)
        for (const frame of parser.push(bytes.subarray(at, at + 50))) assert.equal(typeof frame.timeNs, 'bigint');
      for (const frame of parser.rest()) assert.ok(Buffer.isBuffer(frame.data));
    },
  },
  {
    name: 'seccomp profile',
    make: (random) => ({
      json: mutateJson(random, PROFILE, () => hostileJson(random, ['SCMP_ACT_ALLOW', 'read', 'amd64'], 3)),
    }),
    read(input) {
      const profile = parseSeccomp(
        JSON.stringify((input as { json: unknown }).json) ?? '',
        ['CAP_SYS_ADMIN'],
        'amd64',
        '6.1.0',
      );
      assert.ok(
        (profile.syscalls ?? []).every(
          ({ names, action }) =>
            Array.isArray(names) && names.every((name) => typeof name === 'string') && typeof action === 'string',
        ),
        'a profile in which calls have no names',
      );
    },
  },
  text(
    'resolv.conf',
    ['nameserver 1.1.1.1\nsearch a b\noptions ndots:5\n', 'domain x\nnameserver fe80::1%eth0\n# x\nsortlist 1\n'],
    ['nameserver ', 'search ', 'options ', '\n', '127.0.0.53'],
    (input) => {
      const host = parseResolvConf(input, '/etc/resolv.conf');
      for (const mode of ['host', 'direct', 'embedded'] as const)
        renderResolvConf({ mode, host, wishes: { dns: [], dnsSearch: [], dnsOptions: [] } } as never);
    },
  ),
  text(
    'hosts file',
    ['127.0.0.1\tlocalhost\n::1\tip6-localhost\n10.0.0.2\tdb\n', 'mine\n127.0.0.1\tlocalhost\n'],
    ['\n', '\t', '10.0.0.2', '127.0.0.1\tlocalhost\n'],
    (input) => {
      const rendered = '127.0.0.1\tlocalhost\n10.0.0.2\tdb\n';
      assert.equal(mergeUserLines(rendered, rendered, input), input);
      mergeUserLines(rendered, input, '127.0.0.1\tlocalhost\n10.0.0.3\tdb\n');
    },
  ),
  text(
    'runtime messages',
    [
      'runc create failed: exec: "x": executable file not found in $PATH',
      'time="x" level=error msg="a\\"b"',
      '{"level":"error","msg":"x"}',
      'container_linux.go:380: starting: caused: y',
    ],
    ['exec: "', '"', 'stat ', ': '],
    (input) => {
      plainMessage(input);
      createError(input, 'x');
      execError(input, 'x');
    },
  ),
  text('extra hosts', ['a:10.0.0.1', 'b=[::1]', 'c:host-gateway'], [':', '=', 'host-gateway'], (input) =>
    parseExtraHosts([input], ['10.0.0.1']),
  ),
  text('ports', ['80', '80/tcp', '80-90/udp', '1000/sctp'], ['/', '-', 'tcp', '65535'], (input) => {
    const port = parsePort(input);
    assert.ok(Number.isInteger(port.port) && port.port >= 0 && port.port <= 65535, `port ${port.port}`);
  }),
  text(
    'port bindings',
    ['80/tcp 127.0.0.1 8080', '80/udp :: 8000-8010', '53 0.0.0.0 0'],
    [' ', '80/tcp', '-', '65535', '::'],
    (input) => {
      const [port = '', hostIp = '', hostPort = ''] = input.split(' ');
      for (const { port: wanted } of parseBindings({ [port]: [{ hostIp, hostPort }] }))
        assert.ok(wanted.port >= 0 && wanted.port <= 65535);
    },
  ),
  text('subnets', ['10.0.0.0/8', 'fd00::/64', '1.2.3.4/32'], ['/', '.', ':', '128', '::ffff:'], (input) => {
    const subnet = parseSubnet(input);
    assert.ok(subnet === undefined || (subnet.prefix >= 0 && subnet.prefix <= 128));
  }),
  text(
    'security options',
    ['seccomp=unconfined', 'no-new-privileges', 'apparmor:x', 'label=disable'],
    ['=', ':', 'seccomp', 'unconfined'],
    (input) => parseSecurityOptions([input]),
  ),
  text('signals', ['SIGTERM', '9', 'RTMIN+3', 'hup'], ['SIG', '+', '-', 'RTMAX'], (input) => {
    const signal = parseSignal(input);
    assert.ok(Number.isInteger(signal) && signal >= 0 && signal <= 64, `signal ${signal}`);
  }),
  {
    name: 'filters',
    make: (random) => ({
      json: mutateJson(
        random,
        { status: ['running'], label: { 'a=b': true }, reference: ['x*'], dangling: { true: true } },
        () => hostileJson(random, ['true', 'label', 'name'], 2),
      ),
    }),
    read(input) {
      const json = JSON.stringify((input as { json: unknown }).json) ?? '';
      const given = Object.keys((JSON.parse(json || '{}') ?? {}) as object);
      assert.deepEqual(Object.keys(parseFilters(json)).sort(), given.sort(), 'a filter got lost');
      for (const route of ['containers', 'images', 'networks', 'volumes', 'events', 'imagesPrune'] as const)
        readFilters(route, json);
    },
  },
  text('detach keys', ['ctrl-p,ctrl-q', 'a,b', 'ctrl-@', 'ctrl-]'], ['ctrl-', ',', '^'], (input) => {
    const scanner = new DetachScanner(parseDetachKeys(input, 'detach'));
    scanner.scan?.(Buffer.from(input));
  }),
  text(
    'registry logins',
    [Buffer.from('{"username":"a","password":"b","serveraddress":"c"}').toString('base64'), 'e30='],
    ['=', '-', '_', Buffer.from('[null]').toString('base64')],
    (input) => {
      const login = readRegistryAuth(input);
      for (const value of Object.values(login ?? {})) assert.equal(typeof value, 'string');
    },
  ),
  text(
    'timestamps',
    ['2024-01-01T00:00:00.123456789Z', '1700000000.5', '10m', '1h2s'],
    ['-', ':', '.', 'e9', 'T', 'Z'],
    (input) => assert.equal(typeof parseTimestampNs(input, 'since'), 'bigint'),
  ),
  text('API versions', ['1.44', '1.24', '1.51'], ['.', '1'], (input) =>
    assert.ok(Number.isFinite(negotiateVersion(input))),
  ),
];
