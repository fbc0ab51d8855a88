import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeRecord, makeSpec } from '../../test/oci/fixture.ts';
import { capabilitiesOfMask, DEFAULT_CAPABILITIES, resolveCapabilities } from './capabilities.ts';
import { parseDeviceRule } from './devices.ts';
import type { ConfinementFacts } from './host-facts.ts';
import { mergeTmpfsOptions } from './mounts.ts';
import { createError, execError, plainMessage } from './runtime-errors.ts';
import { defaultSeccomp, parseSeccomp } from './seccomp.ts';
import { parseSecurityOptions } from '../model/security-options.ts';
import { buildRlimits, buildResources } from './resources.ts';
import { buildExecProcess, serializeSpec } from './spec.ts';
import { checkConfinement, confinementWarnings } from './spec-check.ts';

const all = capabilitiesOfMask('1ffffffffff');
const host: ConfinementFacts = {
  architecture: 'amd64',
  kernelRelease: '6.1.0-18-amd64',
  capabilities: all,
  apparmor: true,
  thermalPaths: [],
  devicesAt: (path) => [{ path, type: 'c', major: 10, minor: 229, fileMode: 0o666, uid: 0, gid: 0 }],
  allDevices: () => [{ path: '/dev/sda', type: 'b', major: 8, minor: 0 }],
};
const place = { rootfs: '/rootfs' };

test("capabilities: Docker's fourteen, and what is added and dropped", () => {
  const resolve = (add: string[], drop: string[], privileged = false) =>
    resolveCapabilities({ privileged, add, drop, available: all });
  assert.deepEqual([...resolve([], [])].sort(), [...DEFAULT_CAPABILITIES].sort());
  assert.equal(resolve(['ALL'], []).length, 41);
  assert.equal(resolve(['all'], ['NET_RAW', 'cap_chown']).length, 39);
  assert.deepEqual(resolve(['SYS_TIME'], ['ALL']), ['CAP_SYS_TIME']);
  assert.equal(resolve([], ['CAP_MKNOD']).length, 13);
  assert.equal(resolve([], ['ALL'], true).length, 41);
  assert.throws(() => resolve(['NOSUCH'], []), { kind: 'invalid', message: 'unknown capability: "CAP_NOSUCH"' });
  assert.deepEqual(resolveCapabilities({ privileged: true, add: [], drop: [], available: ['CAP_CHOWN'] }), [
    'CAP_CHOWN',
  ]);
});

test('security options', () => {
  assert.deepEqual(
    parseSecurityOptions(['no-new-privileges:true', 'seccomp=unconfined', 'apparmor=mine', 'label=disable']),
    {
      noNewPrivileges: true,
      seccomp: 'unconfined',
      apparmor: 'mine',
      labels: ['disable'],
      writableCgroups: false,
    },
  );
  assert.equal(parseSecurityOptions(['no-new-privileges=false']).noNewPrivileges, false);
  assert.equal(parseSecurityOptions(['seccomp=builtin']).seccomp, 'builtin');
  assert.equal(parseSecurityOptions(['seccomp={"a":"b=c"}']).seccomp, '{"a":"b=c"}');
  assert.equal(parseSecurityOptions(['writable-cgroups']).writableCgroups, true);
  assert.throws(() => parseSecurityOptions(['nosuch']), { message: 'invalid --security-opt 1: "nosuch"' });
  assert.throws(() => parseSecurityOptions(['nosuch=1']), { message: 'invalid --security-opt 2: "nosuch=1"' });
});

test('the default seccomp profile follows capabilities and architecture', () => {
  const names = (capabilities: readonly string[], architecture = 'amd64') =>
    new Set(
      defaultSeccomp(capabilities, architecture)
        .syscalls?.filter(({ action, args }) => action === 'SCMP_ACT_ALLOW' && !args)
        .flatMap((call) => call.names),
    );
  const plain = names(DEFAULT_CAPABILITIES);
  for (const name of ['read', 'openat', 'futex', 'chroot', 'ptrace', 'arch_prctl']) assert.ok(plain.has(name), name);
  for (const name of [
    'mount',
    'bpf',
    'reboot',
    'init_module',
    'keyctl',
    'add_key',
    'kexec_load',
    'clone3',
    'io_uring_setup',
    'userfaultfd',
  ])
    assert.ok(!plain.has(name), name);
  assert.ok(names(['CAP_SYS_ADMIN']).has('mount'));
  assert.ok(names([], 'arm64').has('cacheflush') && !names([], 'arm64').has('arch_prctl'));
  const clone = defaultSeccomp([], 's390x').syscalls?.find((call) => call.names[0] === 'clone');
  assert.equal(clone?.args?.[0]?.index, 1);
  assert.deepEqual(defaultSeccomp(['CAP_CHOWN'], 'amd64'), defaultSeccomp(['CAP_CHOWN'], 'amd64'));
});

test("a profile of the user's, with conditions", () => {
  const profile = {
    defaultAction: 'SCMP_ACT_ERRNO',
    archMap: [
      { architecture: 'SCMP_ARCH_X86_64', subArchitectures: ['SCMP_ARCH_X86'] },
      { architecture: 'SCMP_ARCH_AARCH64' },
    ],
    syscalls: [
      { name: 'read', action: 'SCMP_ACT_ALLOW' },
      { names: ['bpf'], action: 'SCMP_ACT_ALLOW', includes: { caps: ['CAP_BPF'] } },
      { names: ['write'], action: 'SCMP_ACT_ALLOW', excludes: { arches: ['arm64'] } },
      { names: ['ptrace'], action: 'SCMP_ACT_ALLOW', includes: { minKernel: '6.2' } },
    ],
  };
  const resolved = parseSeccomp(JSON.stringify(profile), [], 'amd64', '6.1.0');
  assert.deepEqual(resolved.architectures, ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86']);
  assert.deepEqual(
    resolved.syscalls?.map((call) => call.names[0]),
    ['read', 'write'],
  );
  assert.deepEqual(
    parseSeccomp(JSON.stringify(profile), ['CAP_BPF'], 'arm64', '6.10.1').syscalls?.map((call) => call.names[0]),
    ['read', 'bpf', 'ptrace'],
  );
  assert.throws(() => parseSeccomp('{', [], 'amd64', '6.1'), {
    kind: 'invalid',
    message: /^opening seccomp profile failed: decoding seccomp profile failed/,
  });
  assert.throws(
    () =>
      parseSeccomp('{"defaultAction":"x","architectures":["a"],"archMap":[{"architecture":"b"}]}', [], 'amd64', '6.1'),
    /both 'architectures' and 'archMap'/,
  );
});

test("tmpfs options: the user's over Docker's", () => {
  assert.deepEqual(mergeTmpfsOptions(''), ['noexec', 'nosuid', 'nodev']);
  assert.deepEqual(mergeTmpfsOptions('exec,size=64m,mode=1770'), ['nosuid', 'nodev', 'exec', 'size=64m', 'mode=1770']);
  assert.deepEqual(mergeTmpfsOptions('shared,rslave').slice(3), ['rslave'], 'the runtime takes one propagation');
  assert.throws(() => mergeTmpfsOptions('nosuch'), { message: 'invalid tmpfs option "nosuch"' });
  assert.throws(() => mergeTmpfsOptions('nosuch=1'), { message: 'invalid tmpfs option "nosuch"' });
});

test("resources: what is given, in OCI's words", () => {
  assert.deepEqual(buildResources({}), {});
  assert.deepEqual(buildResources({ memoryBytes: 100, nanoCpus: 1.5e9, pidsLimit: 10, cpusetCpus: '0-1' }), {
    memory: { limit: 100, swap: 200 },
    cpu: { period: 100_000, quota: 150_000, cpus: '0-1' },
    pids: { limit: 10 },
  });
  assert.deepEqual(buildResources({ memoryBytes: 100, memorySwapBytes: -1 }).memory, { limit: 100, swap: -1 });
  assert.deepEqual(buildResources({ pidsLimit: 2 ** 63 }).pids, { limit: 4_194_304 }, 'as many as there can be');
  for (const unlimited of [null, 0, -1]) {
    assert.deepEqual(buildResources({ pidsLimit: unlimited }).pids, { limit: -1 }, 'taken away where there may be one');
    assert.equal(buildResources({ pidsLimit: unlimited }, []).pids, undefined, 'a new cgroup has none');
  }
  assert.equal(buildResources({}).pids, undefined, 'as it is');
});

test("ulimits: the container's over the daemon's; -1 is no limit, to the last bit", () => {
  const limits = buildRlimits(
    [{ name: 'nofile', soft: 1, hard: -1 }],
    [
      { name: 'nofile', soft: 5, hard: 5 },
      { name: 'core', soft: 0, hard: 0 },
    ],
  );
  assert.deepEqual(
    limits.map(({ type }) => type),
    ['RLIMIT_NOFILE', 'RLIMIT_CORE'],
  );
  const record = makeRecord('true', { resources: { ulimits: [{ name: 'core', soft: -1, hard: -1 }] } });
  assert.match(
    serializeSpec(makeSpec(place, record, { host })),
    /"rlimits":\[\{"type":"RLIMIT_CORE","soft":18446744073709551615,"hard":18446744073709551615\}\]/,
  );
  assert.throws(() => buildRlimits([{ name: 'nosuch', soft: 1, hard: 1 }]), { message: 'invalid ulimit type: nosuch' });
});

test('device rules', () => {
  assert.deepEqual(parseDeviceRule('c 1:3 mr'), { allow: true, type: 'c', major: 1, minor: 3, access: 'mr' });
  assert.equal(parseDeviceRule('b *:0 rwm').major, -1);
  assert.throws(() => parseDeviceRule('c 1:3'), { message: "invalid device cgroup rule format: 'c 1:3'" });
});

test('a spec: paths, namespaces, process', () => {
  const record = makeRecord(['nginx', '-g', 'daemon off;'], {
    host: { init: true, ipcMode: 'none' },
    process: { tty: true },
  });
  const spec = makeSpec(place, record, {
    host,
    netns: '/run/ns/1',
    pid: 'private',
    ipc: { path: '/proc/7/ns/ipc' },
    uts: 'host',
    cgroupMode: 'v2',
    files: { hosts: '/h', hostname: '/n', resolvConf: '/r' },
  });
  assert.deepEqual(spec.process.args, ['/sbin/docker-init', '--', 'nginx', '-g', 'daemon off;']);
  assert.equal(spec.hostname, undefined);
  assert.deepEqual(spec.linux.namespaces, [
    { type: 'mount' },
    { type: 'network', path: '/run/ns/1' },
    { type: 'pid' },
    { type: 'ipc', path: '/proc/7/ns/ipc' },
    { type: 'cgroup' },
  ]);
  const targets = spec.mounts.map(({ destination }) => destination);
  assert.ok(!targets.includes('/dev/shm'));
  for (const target of ['/etc/hosts', '/etc/hostname', '/etc/resolv.conf', '/sbin/docker-init'])
    assert.ok(targets.includes(target), target);
  assert.equal(spec.linux.sysctl?.['net.ipv4.ip_unprivileged_port_start'], '0');
});

test('sysctls of a network namespace that the engine made are not written again over its interfaces', () => {
  const sysctls = {
    'net.ipv6.conf.all.disable_ipv6': '0',
    'net.ipv4.ip_unprivileged_port_start': '1024',
    'kernel.msgmax': '9',
  };
  const written = (networkMode: string) => {
    const record = makeRecord('true', { host: { sysctls } });
    const connection = { ...record.spec.connection, networkMode };
    const changed = { ...record, spec: { ...record.spec, connection } };
    return makeSpec(place, changed, { host, netns: '/run/ns/1' }).linux.sysctl!;
  };
  assert.equal(written('bridge')['net.ipv6.conf.all.disable_ipv6'], undefined);
  assert.equal(written('container:x')['net.ipv6.conf.all.disable_ipv6'], '0');
  for (const mode of ['bridge', 'container:x']) {
    assert.equal(written(mode)['net.ipv4.ip_unprivileged_port_start'], '1024');
    assert.equal(written(mode)['kernel.msgmax'], '9');
  }
});

test("a user's mounts replace those that stand in the same place, and deeper ones come later", () => {
  const mount = (destination: string) => ({
    type: 'bind' as const,
    name: '',
    source: '/s',
    destination,
    driver: '',
    mode: '',
    rw: true,
    propagation: '',
    noCopy: false,
    tmpfsOptions: '',
  });
  const record = makeRecord('true', {
    record: { mounts: [mount('/a/b'), mount('/a'), mount('/dev'), mount('/etc/hosts')] },
  });
  const targets = makeSpec(place, record, {
    host,
    files: { hosts: '/h', hostname: '/n', resolvConf: '/r' },
  }).mounts.map(({ destination }) => destination);
  assert.ok(targets.indexOf('/a') < targets.indexOf('/a/b'));
  assert.ok(!targets.includes('/dev/pts') && !targets.includes('/dev/shm'));
  assert.equal(targets.filter((target) => target === '/etc/hosts').length, 1);
});

test('privileged: every device, nothing masked, no filter, a writable /sys', () => {
  const spec = makeSpec(place, makeRecord('true', { host: { privileged: true } }), { host });
  assert.deepEqual(spec.linux.devices, [{ path: '/dev/sda', type: 'b', major: 8, minor: 0 }]);
  assert.deepEqual(spec.linux.resources.devices, [{ allow: true, access: 'rwm' }]);
  assert.equal(spec.linux.seccomp ?? spec.linux.maskedPaths ?? spec.linux.readonlyPaths, undefined);
  assert.ok(!spec.mounts.find(({ destination }) => destination === '/sys')?.options.includes('ro'));
});

test("what runtimes say, in Docker's words", () => {
  assert.equal(
    plainMessage('time="2024" level=warning msg="noise"\ntime="2024" level=error msg="runc: \\"x\\" bad"\n'),
    'runc: "x" bad',
  );
  assert.equal(
    plainMessage('2024-05-01T10:00:00.000000Z: executable file `x` not found'),
    'executable file `x` not found',
  );
  const runc = createError(
    'runc create failed: unable to start container process: exec: "x": executable file not found in $PATH',
    'x',
  );
  const crun = createError('executable file `x` not found in $PATH: No such file or directory', 'x');
  assert.equal(runc.message, crun.message);
  assert.match(
    createError('x', 'x', 'runc').message,
    /: OCI runtime create failed: runc create failed: unable to start/,
  );
  assert.match(
    createError('x', 'x', 'crun').message,
    /: OCI runtime create failed: unable to start/,
    'crun is not runc',
  );
  assert.deepEqual([runc.exitCode, runc.kind], [127, 'invalid']);
  assert.equal(createError('open executable: Operation not permitted', '/bin').exitCode, 126);
  const other = createError('mount `proc` to `/proc`: Device or resource busy', 'x');
  assert.deepEqual([other.exitCode, other.kind], [128, 'system']);
  assert.match(
    execError('executable file `x` not found in $PATH', 'x').message,
    /^OCI runtime exec failed: exec failed: unable to start container process: exec: "x": executable file not found in \$PATH$/,
  );
});

test('what create refuses', () => {
  const check = (changes: object, resources: object = {}) =>
    checkConfinement(makeRecord('true', { host: changes, resources }).spec, host);
  check({});
  assert.throws(() => check({ capAdd: ['NOSUCH'] }), { kind: 'invalid', message: 'unknown capability: "CAP_NOSUCH"' });
  assert.throws(() => check({ securityOpt: ['seccomp={'] }), { kind: 'invalid' });
  assert.throws(() => check({ tmpfs: { '/x': 'nosuch' } }), { message: 'invalid tmpfs option "nosuch"' });
  assert.throws(() => check({}, { ulimits: [{ name: 'nosuch', soft: 1, hard: 1 }] }), {
    message: 'invalid ulimit type: nosuch',
  });
  assert.throws(() => check({}, { deviceCgroupRules: ['x'] }), { kind: 'invalid' });
});

test('a seccomp profile that is asked for holds with --privileged too', () => {
  const filter = (securityOpt: string[]) =>
    makeSpec(place, makeRecord('true', { host: { privileged: true, securityOpt } }), { host }).linux.seccomp;
  assert.equal(filter([]), undefined);
  assert.equal(filter(['seccomp=unconfined']), undefined);
  assert.equal(
    filter(['seccomp={"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["chmod"],"action":"SCMP_ACT_ERRNO"}]}'])
      ?.syscalls?.[0]?.names[0],
    'chmod',
  );
  assert.equal(filter(['seccomp=builtin'])?.defaultAction, 'SCMP_ACT_ERRNO');
});

test('no-new-privileges and a profile of AppArmor hold for a privileged exec too', () => {
  const record = makeRecord('true', { host: { securityOpt: ['no-new-privileges', 'apparmor=mine'] } });
  const exec = buildExecProcess({
    record,
    args: ['true'],
    env: [],
    cwd: '',
    tty: false,
    privileged: true,
    user: { uid: 0, gid: 0, additionalGids: [] },
    host,
  });
  assert.equal(exec.noNewPrivileges, true);
  assert.equal(exec.apparmorProfile, 'mine');
  assert.deepEqual(exec.capabilities?.bounding, all);
});

test('where the host has no AppArmor a profile is discarded, with a warning', () => {
  const without = { ...host, apparmor: false };
  const record = (profile: string) => makeRecord('true', { host: { securityOpt: [`apparmor=${profile}`] } });
  const user = { uid: 0, gid: 0, additionalGids: [] };
  const exec = { record: record('mine'), args: ['true'], env: [], cwd: '', tty: false, privileged: false, user };
  assert.equal(buildExecProcess({ ...exec, host: without }).apparmorProfile, undefined);
  assert.deepEqual(confinementWarnings(record('mine').spec, without), [
    'AppArmor is not enabled on this host. Profile "mine" discarded.',
  ]);
  assert.deepEqual(confinementWarnings(record('mine').spec, host), []);
  assert.deepEqual(confinementWarnings(record('unconfined').spec, without), []);
});

test("annotations that a runtime takes for orders are refused, and left out of older records' specs", () => {
  const annotations = {
    'run.oci.handler': 'krun',
    'org.criu.config': '/x',
    'com.example.run.oci.handler': 'kept',
    'Run.oci.handler': 'kept',
    'io.kubernetes.docker.type': 'container',
  };
  assert.throws(() => checkConfinement(makeRecord('true', { host: { annotations } }).spec, host), {
    kind: 'invalid',
    message: /^invalid Annotations: "run\.oci\.handler" would steer/,
  });
  checkConfinement(
    makeRecord('true', { host: { annotations: { 'io.kubernetes.docker.type': 'container' } } }).spec,
    host,
  );
  assert.deepEqual(makeSpec(place, makeRecord('true', { host: { annotations } }), { host }).annotations, {
    'com.example.run.oci.handler': 'kept',
    'Run.oci.handler': 'kept',
  });
});

test('HOME is that of the user where none is given, and where it is given empty, in a run and in an exec', () => {
  const record = makeRecord('true');
  const homes = (env: string[]) => {
    const user = { uid: 1234, gid: 0, additionalGids: [0], home: '/' };
    const exec = buildExecProcess({ record, args: ['true'], env, user, cwd: '', tty: false, privileged: false, host });
    const run = makeSpec(place, record, { env, user }).process;
    assert.deepEqual(run.env, exec.env);
    return exec.env;
  };
  assert.deepEqual(homes(['A=1']), ['A=1', 'HOME=/']);
  assert.deepEqual(homes(['HOME=', 'A=1']), ['A=1', 'HOME=/']);
  assert.deepEqual(homes(['HOME=/x', 'A=1']), ['HOME=/x', 'A=1']);
  assert.deepEqual(homes(['HOME=\n']), ['HOME=\n']);
});
