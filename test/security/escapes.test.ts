/** Ways out of a container, and into others, that engines have had: each tried as its attacker would. */
import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { TestEngine } from '../harness/test-engine.ts';

const skip = process.getuid?.() !== 0 && 'needs root';

describe('escapes', { skip }, () => {
  let engine: TestEngine;
  before(async () => {
    engine = await TestEngine.start();
    engine.importFixtures();
    engine.ok('run', '-d', '--name', 'box', 'busybox', 'sleep', '1000');
  });
  after(() => engine.destroy());

  test('no descriptor of the engine, of conmon or of the runtime is a way to the host', () => {
    for (let fd = 3; fd < 20; fd += 1) {
      const path = `/proc/self/fd/${fd}`;
      // Whatever is opened there on the way: nobody works in it, and nothing of the host is seen.
      for (const ran of [
        engine.docker('run', '--rm', '-w', path, 'busybox', 'ls', '../..'),
        engine.docker('exec', '-w', path, 'box', 'ls', '../..'),
      ]) {
        assert.notEqual(ran.code, 0, `${path}: ${ran.out}`);
        assert.doesNotMatch(ran.out, /^(etc|usr|bin|proc|sys|dev)$/m, path);
      }
    }
    for (const ran of [
      engine.docker('run', '--rm', 'busybox', 'ls', '/proc/self/fd'),
      engine.docker('exec', 'box', 'ls', '/proc/self/fd'),
    ]) {
      assert.deepEqual(ran.out.trim().split('\n'), ['0', '1', '2', '3']); // 3: the directory that ls reads
    }
  });

  test("a container's user owns nothing of the host's: not even its null device", () => {
    const owner = () => [statSync('/dev/null').uid, statSync('/dev/null').gid, statSync('/dev/null').mode & 0o777];
    const before_ = owner();
    engine.docker('run', '--rm', '-u', '4242:4242', 'busybox', 'chmod', '000', '/proc/self/fd/0');
    engine.docker('exec', '-u', '4242:4242', 'box', 'chmod', '000', '/proc/self/fd/0');
    assert.deepEqual(owner(), before_);
    assert.notEqual(before_[0], 4242);
  });

  test("a sysctl that is the host's is refused, however it is written", () => {
    const pattern = readFileSync('/proc/sys/kernel/core_pattern', 'utf8');
    for (const name of [
      'kernel.core_pattern',
      'kernel/core_pattern',
      'net.ipv4/../../kernel/core_pattern',
      'net/../kernel/core_pattern',
      'fs.mqueue./../../kernel/core_pattern',
      'kernel.shm_rmid_forced+kernel.core_pattern',
      'kernel.sem=1 kernel.core_pattern',
    ]) {
      const body = JSON.stringify({ Image: 'busybox', Cmd: ['true'], HostConfig: { Sysctls: { [name]: '|/tmp/x' } } });
      const ran = engine.host.run(
        'sh',
        '-c',
        `id=$(curl -s --unix-socket ${engine.socket} -H 'content-type: application/json' -d '${body}' http://x/containers/create | sed -n 's/.*"Id":"\\([0-9a-f]*\\)".*/\\1/p'); [ -n "$id" ] || exit 1; DOCKER_HOST=${engine.url} docker start $id`,
      );
      assert.notEqual(ran.code, 0, name);
      assert.equal(readFileSync('/proc/sys/kernel/core_pattern', 'utf8'), pattern, name);
    }
    // What belongs to a namespace that the container shares with the host is the host's too.
    assert.notEqual(
      engine.docker('run', '--rm', '--network', 'host', '--sysctl', 'net.core.somaxconn=17', 'busybox', 'true').code,
      0,
    );
    assert.notEqual(
      engine.docker('run', '--rm', '--ipc', 'host', '--sysctl', 'kernel.msgmax=17', 'busybox', 'true').code,
      0,
    );
  });

  test('nothing of the engine listens at an abstract address, which --network host would reach', () => {
    const sockets = engine.ok('run', '--rm', '--network', 'host', 'busybox', 'cat', '/proc/net/unix');
    // A mark that one daemon is in charge of this network: nobody accepts there.
    assert.deepEqual(
      [...sockets.matchAll(/ @(\S*?)@*$/gm)].map(([, name]) => name).filter((name) => name !== 'causeway/network'),
      [],
    );
  });

  test("what containers have on the disk is closed to the host's users", () => {
    assert.equal(statSync(engine.dataRoot).mode & 0o007, 0, 'the data root');
    for (const name of ['bundles', 'oci']) assert.equal(statSync(join(engine.execRoot, name)).mode & 0o006, 0, name);
  });

  test('a name that looks like a number gives no user but that number', () => {
    engine.docker(
      'run',
      '--name',
      'numbers',
      'busybox',
      'sh',
      '-c',
      'echo 1000:x:0:0::/:/bin/sh >> /etc/passwd; echo 50:x:0: >> /etc/group',
    );
    engine.ok('commit', 'numbers', 'numbers');
    assert.match(
      engine.ok('run', '--rm', '-u', '1000:50', 'numbers', 'id'),
      /^uid=1000(\(\w+\))? gid=50(\(\w+\))? groups=50/,
    );
  });

  test('capabilities are neither inherited nor ambient, for run and exec, for root and others', () => {
    for (const words of [
      ['run', '--rm'],
      ['run', '--rm', '-u', '33'],
      ['run', '--rm', '--privileged'],
      ['exec'],
      ['exec', '-u', '33'],
      ['exec', '--privileged'],
    ]) {
      const target = words[0] === 'exec' ? 'box' : 'busybox';
      const status = engine.ok(...words, target, 'grep', '-E', 'CapInh|CapAmb', '/proc/self/status');
      assert.match(status, /CapInh:\t0{16}\nCapAmb:\t0{16}/, words.join(' '));
    }
  });

  test("an exec that stops or kills its process group reaches nothing of the engine's: others attach, and it ends with its code", () => {
    // Root in the host's pid namespace could name any process; its own group it need not even name.
    engine.ok('run', '-d', '--name', 'hostpid', '--pid', 'host', 'busybox', 'sleep', '1000');
    for (const target of ['box', 'hostpid']) {
      const stopped = engine.docker(
        'exec',
        target,
        'sh',
        '-c',
        'setsid sh -c "sleep 1; kill -CONT $$" >/dev/null 2>&1 & sleep 0.5; kill -STOP 0; kill -KILL 0',
      );
      assert.equal(stopped.code, 137, stopped.err);
      assert.equal(engine.ok('exec', target, 'echo', 'well'), 'well');
    }
    engine.ok('rm', '-f', 'hostpid');
  });
});
