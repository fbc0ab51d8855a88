/**
 * What cannot be: both clients must refuse the same words in the same sentence with the same exit code. Nothing listens at
 * the address that they are given.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hasDocker, runCausewayClient, runDockerClient, type Outcome } from './run-client.ts';

/** Words are separated by a space; "~" is a space inside of a word. */
const lines = [
  'run', 'run --zz x', 'run -Z x', 'run -itZ x', 'run -p', 'run --name', 'run --rm=maybe x', 'run --rm=false', '-z', 'foo', 'container foo',
  'container', 'container --zz', 'container -h', 'network foo', '--zz ps', 'ps a', 'rm', 'rename a', 'network create', 'cp a', 'run -p 80:x img',
  'run -p x:80 img', 'run -p 1:2:3:4 img', 'run -p 80-81:90-99 img', 'run -p 80/foo img', 'run -p 70000 img', 'run -p 1.2.3:80:80 img',
  'run -p [::1:80:80 img', 'run -p : img', 'run -p published=80 img', 'run -p a=b=,c img', 'run -m 5x img', 'run -m  img', 'run -m 5tbb img',
  'run -m -5 img', 'run --cpus x img', 'run --cpus 1.0000000001 img', 'run -e  img', 'run --env-file /nope img', 'run --env-file /tmp img',
  'run --health-interval 5 img', 'run --health-interval 5q img', 'run --health-interval q img', 'run --health-interval 1ms --no-healthcheck img',
  'run --add-host x img', 'run --add-host a:b img', 'run --add-host a:[::1 img', 'run --ulimit x img', 'run --ulimit foo=1 img',
  'run --ulimit nofile=1:2:3 img', 'run --ulimit nofile=2:1 img', 'run --ulimit nofile=a img', 'run --dns foo img', 'run --dns-search ... img',
  'help foo', 'help run x', 'help container foo', 'run --stop-timeout a b', 'run --stop-timeout 99999999999999999999 b', 'run --mount type=foo img',
  'run --mount type=bind,src=/x img', 'run --mount type=bind,dst img', 'run --mount foo=bar,dst=/x img', 'run --mount type=bind,dst=/x,ro=maybe img',
  'run --mount type=tmpfs,dst=/x,volume-nocopy img', 'run --mount type=tmpfs,dst=/x,tmpfs-size=q img',
  'run --mount type=tmpfs,dst=/x,tmpfs-mode=9 img', 'run --mount type=bind,dst=/x,bind-recursive=foo img',
  'run --mount type=bind,dst=/x,bind-recursive=writable img', 'run --mount  img', 'run --mount a"b img', 'run --label-file /nope img',
  'run --label = img', 'run -l a~b=c img', 'run --=x img', 'run ---x img', 'run -a foo img', 'run --link a:b:c img', 'run --link  img',
  'run --expose x img', 'run --expose 1:2 img', 'run --expose 5-3 img', 'run --mac-address foo img', 'run --memory-swappiness 101 img',
  'run --sysctl foo=1 img', 'run --pid foo img', 'run --uts foo img', 'run --userns foo img', 'run --cgroupns foo img', 'run --security-opt foo img',
  'run --security-opt seccomp=/nope img', 'run --storage-opt foo img', 'run --log-driver none --log-opt a=b img', 'run --restart always --rm img',
  'run --restart :1 img', 'run --restart on-failure:x img', 'run --network name=a,foo=b img', 'run --network alias=b img',
  'run --network host --network-alias x img', 'run --network a --network host img', 'run --network a --network a img',
  'run --network name=a,alias=b --network-alias c img', 'run --network name=a,ip=10.0.0.1 --ip 10.0.0.2 img', 'run --device-read-bps foo img',
  'run --device-read-bps /x:1 img', 'run --device-read-bps /dev/x:q img', 'run --device-read-iops /dev/x:q img',
  'run --blkio-weight-device /dev/x:5 img', 'run --blkio-weight 99999 img', 'run --device-cgroup-rule foo img', 'run --pull foo img',
  'run -d -a stdout img', 'version foo', '-H', 'ps -H x', 'ps --format', 'ps --filter x', 'network create --aux-address x n',
  'network create --gateway x n', 'network create --subnet 10.0.0.0/8 --subnet 10.1.0.0/16 n',
  'network create --subnet 10.0.0.0/8 --gateway 11.0.0.1 n', 'network create --subnet 10.0.0.0/8 --gateway 10.0.0.1 --gateway 10.0.0.2 n',
  'network create --subnet 10.0.0.0/8 --ip-range 11.0.0.0/16 n', 'network create --label = n', 'network connect a', 'network rm', 'volume rm',
  'volume create --name a b', 'logs', 'exec c', 'exec -z c d', 'attach a b', 'wait', 'top', 'port', 'port a b c', 'cp a b', 'cp a:b c:d', 'cp  b',
  'inspect', 'inspect --type= x', 'inspect -f {{ x', 'update x', 'start', 'start -a x y', 'stop -t x c', 'kill', 'commit', 'commit a b c', 'export',
  'import', 'load foo', 'save', 'pull', 'pull Foo', 'pull foo:bar:baz', 'pull -a foo:bar', 'push', 'tag a', 'tag a B', 'rmi', 'history',
  'events --format {{.Foo}}', 'events --format {{', 'login --password-stdin', 'system df x', 'system prune x', 'create', 'create --zz',
  'create --pull foo img', 'stats --zz', 'info x', 'diff', '-l foo ps', '-H unix:///nope.sock ps', '-H foo://x ps', 'run Foo', 'run a:b:c',
  'run --cidfile /tmp img', 'run --platform a/b/c/d img', 'run -ti=false -zx img',
];

/** Every command whose --help is Docker's, byte for byte. The others lack flags of things that are not built, or have more (`port`). */
const helpOf = [
  'stop', 'restart', 'kill', 'rm', 'rename', 'ps', 'inspect', 'logs', 'exec', 'attach', 'top', 'wait', 'cp', 'diff', 'export', 'commit', 'pause', 'unpause',
  'update', 'stats', 'import', 'load', 'save', 'pull', 'push', 'tag', 'rmi', 'history', 'events', 'info', 'login', 'logout', 'container', 'network', 'system',
  'container ls', 'container rm', 'container inspect', 'container prune', 'image rm', 'image inspect', 'image prune', 'network create', 'network ls', 'network inspect',
  'network rm', 'network connect', 'network disconnect', 'network prune', 'volume inspect', 'volume rm', 'volume prune', 'system df', 'system events', 'system info', 'system prune',
];

describe('grammar', { skip: hasDocker ? false : 'there is no docker client here', concurrency: 2 }, () => {
  const same = (words: readonly string[]) => async () => {
    const host = 'unix:///nonexistent/engine.sock';
    const [docker, ours] = await Promise.all([runDockerClient(words, { host }), runCausewayClient(words, { host })]);
    assert.deepEqual(unbranded(ours), docker);
  };
  for (const line of lines) it(line, { timeout: 60_000 }, same(line === '' ? [] : line.split(' ').map((word) => word.replaceAll('~', ' '))));
  for (const line of helpOf) it(`${line} --help`, { timeout: 60_000 }, same([...line.split(' '), '--help']));
});

function unbranded({ code, stdout, stderr }: Outcome): Outcome {
  // `network dns` is ours alone.
  const rename = (text: string) => text.replaceAll('causeway', 'docker').replaceAll('Causeway', 'Docker').replace(/^ {2}dns .*\n/m, '');
  return { code, stdout: rename(stdout), stderr: rename(stderr) };
}
