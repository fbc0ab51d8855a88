import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { LOG_DRIVERS } from '../../model/log-config.ts';
import { daemonConfig } from '../daemon-config.ts';
import { ORDINARY_FILES } from './ordinary-files.ts';
import { readDaemonOptions } from './read.ts';

const directory = mkdtempSync(join(tmpdir(), 'cwt-files-'));
after(() => rmSync(directory, { recursive: true, force: true }));

test('there are as many kinds of files as the issue counted keys', () => {
  assert.ok(ORDINARY_FILES.length >= 44);
});

for (const { from, content, refused, noted = [] } of ORDINARY_FILES) {
  test(`daemon.json of ${from}: ${refused ? 'refused with the reason' : 'starts'}`, () => {
    const path = join(directory, 'daemon.json');
    writeFileSync(path, JSON.stringify(content, null, 2));
    const read = () => daemonConfig(readDaemonOptions(['--config-file', path]));
    if (refused) return void assert.throws(read, refused);
    const { 'log-driver': driver = 'json-file' } = content as { 'log-driver'?: string };
    // A driver that is not built is refused with the names of those that are.
    if (!Object.hasOwn(LOG_DRIVERS, driver))
      return void assert.throws(read, new RegExp(`no log driver named '${driver}'`));
    // SELinux decides by the host; here there is none.
    const notes = read().notes.filter((note) => !note.startsWith('"selinux-enabled"'));
    assert.deepEqual(
      noted.filter((start) => !notes.some((note) => note.startsWith(start))),
      [],
    );
    assert.equal(notes.length, noted.length, notes.join('\n'));
  });
}

test('command lines of units and of guides start it', () => {
  for (const line of [
    '-H fd://',
    '-H=fd:// --containerd=/run/containerd/containerd.sock',
    '-H unix:///var/run/docker.sock -H tcp://0.0.0.0:2376 --tlsverify --tlscacert=ca.pem --tlscert=cert.pem --tlskey=key.pem',
    '--default-ulimit nofile=1048576:1048576 --exec-opt native.cgroupdriver=systemd --log-driver=json-file --log-opt max-size=50m',
    '--storage-driver overlay2 -g',
    '--registry-mirror=https://mirror.example.com --insecure-registry=10.0.0.0/8 --insecure-registry registry:5000',
    '-D -l debug -G docker -p /run/docker.pid -b docker0 -s overlay2',
    '--init --init-path=/usr/bin/tini --live-restore --selinux-enabled=false --userland-proxy=false --userland-proxy-path=/usr/libexec/docker/docker-proxy',
    '--experimental --metrics-addr=0.0.0.0:9323 --feature buildkit=true --label a=b --seccomp-profile=unconfined',
    '--max-concurrent-downloads 10 --max-concurrent-uploads=10 --max-download-attempts 3 --shutdown-timeout=-1',
  ]) {
    const read = () => daemonConfig(readDaemonOptions(['--config-file', '/dev/null', ...line.split(' ')]));
    if (line.endsWith('-g')) assert.throws(read, /unknown shorthand flag: 'g' in -g/);
    else assert.doesNotThrow(read, line);
  }
});
