/**
 * Limits and numbers that cannot be, are huge or below zero, at create and update: each is refused in a sentence, or
 * kept in a form in which the container starts and clients, whose numbers have 64 bits, can read what inspect shows.
 */
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { after, before, test } from 'node:test';
import { TestEngine } from '../harness/test-engine.ts';
import { removeCgroupParent } from './traces.ts';

let engine: TestEngine;

before(async () => {
  engine = await TestEngine.start();
  engine.importFixtures();
});
after(async () => {
  await engine.destroy();
  for (const parent of ['/cwt-odd', '/cwt-odd.slice']) removeCgroupParent(parent);
});

/** The body is text: JSON.stringify could not write these numbers. */
function call(method: string, path: string, body = ''): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const sent = request(
      { socketPath: engine.socket, method, path, headers: { 'Content-Type': 'application/json' } },
      (response) => {
        let text = '';
        response
          .setEncoding('utf8')
          .on('data', (chunk: string) => (text += chunk))
          .on('end', () => resolve({ status: response.statusCode ?? 0, text }));
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

const INT64 = '9223372036854775807';
const BEYOND = '9223372036854775808';
const RUNS = 'runs';
type Expected = typeof RUNS | RegExp;

const unmarshal = (what: string, type: string): RegExp =>
  new RegExp(`cannot unmarshal number ${what} into Go struct field .*of type ${type}`);
const LIMITS: Readonly<Record<string, Expected>> = {
  [`"Memory":${INT64}`]: RUNS,
  [`"Memory":${BEYOND.replace('8', '9')}`]: unmarshal('\\d+', 'int64'),
  '"Memory":1e30': unmarshal('1e30', 'int64'),
  '"Memory":1.5': unmarshal('1.5', 'int64'),
  '"Memory":-5': /Minimum memory limit allowed is 6MB/,
  [`"Memory":6291456,"MemorySwap":${INT64}`]: RUNS,
  '"MemorySwap":-2': RUNS,
  [`"MemoryReservation":${INT64}`]: RUNS,
  '"MemorySwappiness":1e19': unmarshal('10000000000000000000', 'int64'),
  '"CpuShares":1': /the minimum allowed cpu-shares is 2/,
  '"CpuShares":262145': /the maximum allowed cpu-shares is 262144/,
  '"CpuShares":-1': /invalid CPU shares \(-1\)/,
  '"CpuQuota":-1': RUNS,
  '"CpuQuota":-5': RUNS,
  [`"CpuQuota":${INT64}`]: /invalid CPU quota \(\d+\): the kernel takes at most 17592186044415 microseconds/,
  '"CpuRealtimeRuntime":-1': /invalid CPU real-time runtime \(-1\)/,
  '"CpusetCpus":"0-99999999"': /Invalid value 0-99999999 for cpuset cpus: value of out range, maximum is 8192/,
  '"CpusetCpus":"5-1"': /Invalid value 5-1 for cpuset cpus: invalid format: 5-1/,
  '"CpusetCpus":"99999999999999999999"': /for cpuset cpus: invalid format/,
  '"CpusetCpus":"4096"': /Requested CPUs are not available - requested 4096, available: 0/,
  '"CpusetMems":"4096"': /Requested memory nodes are not available - requested 4096, available: 0/,
  '"CpusetCpus":"0,"': /Invalid value 0, for cpuset cpus: invalid format: 0,/,
  [`"PidsLimit":${INT64}`]: RUNS,
  '"PidsLimit":4194305': RUNS,
  '"BlkioWeight":-1': unmarshal('-1', 'uint16'),
  '"BlkioWeight":70000': unmarshal('70000', 'uint16'),
  '"BlkioWeight":500': RUNS,
  [`"CpuPercent":1e19`]: unmarshal('10000000000000000000', 'int64'),
  '"IOMaximumIOps":-1': unmarshal('-1', 'uint64'),
  [`"RestartPolicy":{"Name":"on-failure","MaximumRetryCount":${INT64}}`]: RUNS,
  '"RestartPolicy":{"Name":"on-failure","MaximumRetryCount":1e19}': unmarshal('10000000000000000000', 'int'),
};
const HOST: Readonly<Record<string, Expected>> = {
  ...LIMITS,
  '"Ulimits":[{"Name":"nproc","Soft":18446744073709551615,"Hard":1}]': unmarshal('18446744073709551616', 'int64'),
  '"Ulimits":[{"Name":"nofile","Soft":10,"Hard":5}]':
    /ulimit soft limit must be less than or equal to hard limit: 10 > 5/,
  '"Ulimits":[{"Name":"nofile","Soft":-1,"Hard":5}]': /hard limit: soft: -1 \(unlimited\), hard: 5/,
  [`"ShmSize":${INT64}`]: RUNS,
  '"OomScoreAdj":1001': /range for oom score adj is \[-1000, 1000\]/,
  '"ConsoleSize":[1e30,5]': unmarshal('1e30', 'uint'),
  '"ConsoleSize":[-1,5]': unmarshal('-1', 'uint'),
  '"ConsoleSize":[18446744073709551615,2]': RUNS,
  '"Mounts":[{"Type":"tmpfs","Target":"/t","TmpfsOptions":{"SizeBytes":-1}}]': /invalid tmpfs size -1/,
  [`"Mounts":[{"Type":"tmpfs","Target":"/t","TmpfsOptions":{"SizeBytes":${INT64}}}]`]: RUNS,
  '"Mounts":[{"Type":"tmpfs","Target":"/t","TmpfsOptions":{"Mode":4294967296}}]': unmarshal(
    '4294967296',
    'fs.FileMode',
  ),
  '"DeviceCgroupRules":["c 99999999999:1 rwm"]': /invalid device cgroup rule format/,
  '"StorageOpt":{"size":"-1"}': /--storage-opt is supported only for overlay over xfs/,
  '"LogConfig":{"Type":"json-file","Config":{"max-size":"-5"}}':
    /failed to initialize logging driver: invalid size: '-5'/,
  '"LogConfig":{"Type":"json-file","Config":{"max-size":"999999999999999999999g"}}':
    /max-size must be a positive number/,
  '"LogConfig":{"Type":"json-file","Config":{"max-file":"-1"}}': /max-file cannot be less than 1/,
  '"CgroupParent":"../../cwt-odd"': RUNS,
  '"CgroupParent":"a/../../cwt-odd"': RUNS,
  '"CgroupParent":"cwt-odd.slice"': RUNS,
  '"CgroupParent":"/.."': /invalid cgroup parent .* it is the root/,
  '"CgroupParent":"a\\u0000b"': /invalid cgroup parent .*NUL/,
  [`"CgroupParent":"${'x'.repeat(256)}"`]: /invalid cgroup parent .*file name too long/,
  [`"CgroupParent":"${'x/'.repeat(3000)}"`]: /invalid cgroup parent .*file name too long/,
};
const CONFIG: Readonly<Record<string, Expected>> = {
  [`"StopTimeout":${INT64}`]: RUNS,
  '"StopTimeout":1e19': unmarshal('10000000000000000000', 'int'),
  [`"Healthcheck":{"Test":["CMD","true"],"Interval":${INT64},"Timeout":${INT64},"StartPeriod":${INT64},"Retries":${INT64}}`]:
    RUNS,
  '"Healthcheck":{"Test":["CMD","true"],"Interval":1e19}': unmarshal('10000000000000000000', 'time.Duration'),
  '"Healthcheck":{"Test":["CMD","true"],"Interval":1500000000.5}': unmarshal('1500000000.5', 'time.Duration'),
  '"Healthcheck":{"Test":["CMD","true"],"Retries":1e30}': unmarshal('1e30', 'int'),
};

const MINE = '"Image":"busybox","Cmd":["sleep","1000"]';

/** docker, a client written in Go, reads it. */
function assertReadable(id: string, what: string): void {
  const ran = engine.docker('inspect', '-f', '{{.Id}}', id);
  assert.equal(ran.code, 0, `${what}: ${ran.err}`);
}

async function assertKept(id: string, what: string): Promise<void> {
  assertReadable(id, what);
  const started = await call('POST', `/containers/${id}/start`);
  assert.ok([204, 304].includes(started.status), `${what}: ${started.text}`);
}

async function tryCreate(fragment: string, expected: Expected, body: string): Promise<void> {
  const { status, text } = await call('POST', '/containers/create', body);
  if (expected !== RUNS) {
    assert.match(text, expected, fragment);
    assert.equal(status, 400, `${fragment}: ${text}`);
    return;
  }
  assert.equal(status, 201, `${fragment}: ${text}`);
  const { Id } = JSON.parse(text) as { Id: string };
  try {
    await assertKept(Id, fragment);
  } finally {
    await call('DELETE', `/containers/${Id}?force=1`);
  }
}

test('a container is made with limits that hold, or not made', async () => {
  for (const [fragment, expected] of Object.entries(HOST)) {
    await tryCreate(fragment, expected, `{${MINE},"HostConfig":{"NetworkMode":"none",${fragment}}}`);
  }
  for (const [fragment, expected] of Object.entries(CONFIG)) {
    await tryCreate(fragment, expected, `{${MINE},"HostConfig":{"NetworkMode":"none"},${fragment}}`);
  }
  assert.equal(engine.ok('ps', '-aq'), '');
});

test('an update that cannot be is refused and changes nothing; after one that can be the container starts again', async () => {
  for (const isUp of [false, true]) {
    const make = () =>
      engine.ok(...(isUp ? ['run', '-d'] : ['create']), '--network', 'none', 'busybox', 'sleep', '1000');
    const untouched = make();
    const before = engine.ok('inspect', '-f', '{{json .HostConfig}}', untouched);
    for (const [fragment, expected] of Object.entries(LIMITS)) {
      const what = `${fragment} ${isUp ? 'while it runs' : 'while it does not'}`;
      const id = expected === RUNS ? make() : untouched;
      const { status, text } = await call('POST', `/containers/${id}/update`, `{${fragment}}`);
      if (expected !== RUNS) {
        assert.match(text, expected, what);
        assert.equal(status, 400, `${what}: ${text}`);
        continue;
      }
      assert.equal(status, 200, `${what}: ${text}`);
      if (isUp) await call('POST', `/containers/${id}/kill`);
      await assertKept(id, what);
      await call('DELETE', `/containers/${id}?force=1`);
    }
    assert.equal(engine.ok('inspect', '-f', '{{json .HostConfig}}', untouched), before);
    engine.ok('rm', '-f', untouched);
  }
});

test('limits of processor time and of processes are lifted while the container runs', () => {
  engine.ok(
    'run',
    '-d',
    '--name',
    'limited',
    '--network',
    'none',
    '--cpu-quota',
    '50000',
    '--pids-limit',
    '10',
    'busybox',
    'sleep',
    '1000',
  );
  engine.ok('update', '--cpu-quota', '-1', 'limited');
  engine.ok('update', '--pids-limit', '-1', 'limited');
  const read = (v2: string, v1: string) =>
    engine.ok('exec', 'limited', 'sh', '-c', `cat /sys/fs/cgroup/${v2} /sys/fs/cgroup/${v1} 2>/dev/null; true`);
  assert.match(read('cpu.max', 'cpu/cpu.cfs_quota_us'), /^(max|-1)\b/);
  assert.match(read('pids.max', 'pids/pids.max'), /^max$/);
  engine.ok('rm', '-f', 'limited');
});
