/** Devices that are asked for by name, on a real engine: CDI specifications, --gpus. What is expected is Docker 28.5's. */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { TestEngine, until } from '../harness/test-engine.ts';

const dir = mkdtempSync(join(tmpdir(), 'cw-cdi'));
const [etc, run] = [join(dir, 'etc'), join(dir, 'run')];
const flags = ['--cdi-spec-dir', etc, '--cdi-spec-dir', run];
let engine: TestEngine;

before(async () => {
  for (const one of [etc, run]) mkdirSync(one);
  writeFileSync(join(dir, 'mounted'), 'from the host');
  writeFileSync(
    join(etc, 'a.yaml'),
    `cdiVersion: 0.7.0
kind: vendor.com/dev
containerEdits:
  env: [SPEC=1]
devices:
- name: whole
  containerEdits:
    env: [ONE=1, PATH=/x:/bin]
    additionalGids: [4242]
    deviceNodes:
    - {path: /dev/vnull, hostPath: /dev/null, permissions: r, fileMode: 0640, gid: 4242}
    - {path: /dev/deep/zero, type: c, major: 1, minor: 5}
    - {path: /dev/vpipe, type: p}
    mounts:
    - {hostPath: ${dir}, containerPath: /cdi/deep, options: [ro, rbind, nosuid]}
    - {hostPath: tmpfs, containerPath: /cdi, type: tmpfs, options: [size=64k]}
    hooks:
${['prestart', 'createRuntime', 'createContainer', 'poststart', 'poststop']
  .map(
    (name) =>
      `    - {hookName: ${name}, path: /bin/sh, args: [sh, -c, 'cat > ${dir}/$HOOK; echo >> ${dir}/$HOOK'], env: [HOOK=${name}]}`,
  )
  .join('\n')}
- name: started
  containerEdits:
    hooks:
    - {hookName: startContainer, path: /bin/sh, args: [sh, -c, 'echo in the container > /hook.out']}
- name: gone
  containerEdits: {deviceNodes: [{path: /dev/gone}]}
- name: failing
  containerEdits:
    hooks: [{hookName: createRuntime, path: /bin/false}]
`,
  );
  writeFileSync(join(etc, 'broken.yaml'), 'cdiVersion: 0.7.0\nkind: vendor.com/dev\nfoo: bar\n');
  engine = await TestEngine.start({ flags });
  engine.importFixtures();
});
after(async () => {
  await engine?.destroy();
  rmSync(dir, { recursive: true, force: true });
});

const ran = (...args: string[]) => engine.causeway('run', '--rm', ...args);
const named = (name: string): string[] => ['--device', `vendor.com/dev=${name}`];
const BROKEN =
  'failed to load CDI Spec failed to parse CDI Spec "PATH": failed to unmarshal CDI Spec: error unmarshaling JSON: while decoding JSON: json: unknown field "foo"';

test('info shows the directories, the devices and what is wrong with which file', () => {
  const json = (field: string) => JSON.parse(engine.causeway('info', '-f', `{{json .${field}}}`).out) as unknown;
  assert.deepEqual(json('CDISpecDirs'), [etc, run]);
  assert.deepEqual(
    json('DiscoveredDevices'),
    ['failing', 'gone', 'started', 'whole'].map((name) => ({ Source: 'cdi', ID: `vendor.com/dev=${name}` })),
  );
  const path = join(etc, 'broken.yaml');
  const warning = `CDI: Error associated with spec file ${path}: ${BROKEN.replace('PATH', path)}`;
  assert.ok((json('Warnings') as string[]).includes(warning), JSON.stringify(json('Warnings')));
  const { out } = engine.causeway('info');
  assert.ok(out.includes(` Discovered Devices:\n  cdi: vendor.com/dev=failing\n`), out);
});

test('a device brings variables, nodes, mounts, groups and hooks', async () => {
  const script =
    'echo $SPEC $ONE $PATH; stat -c "%n %F %a %g %t:%T" /dev/vnull /dev/deep/zero /dev/vpipe; cat /cdi/deep/mounted; id -G; ' +
    'grep " /cdi" /proc/self/mountinfo | cut -d" " -f5,6; head -c 2 /dev/deep/zero | od -c';
  const { out, err, code } = ran(...named('whole'), '-e', 'ONE=other', 'busybox', 'sh', '-c', script);
  assert.equal(code, 0, err);
  assert.match(out, /^1 1 \/x:\/bin$/m);
  assert.match(out, /^\/dev\/vnull character special file 640 4242 1:3$/m);
  assert.match(out, /^\/dev\/deep\/zero character special file \d+ 0 1:5$/m);
  assert.match(out, /^\/dev\/vpipe fifo /m);
  assert.match(out, /^from the host/m);
  assert.match(out, /\b4242\b.*$/m);
  assert.match(out, /^\/cdi rw,/m);
  assert.match(out, /^\/cdi\/deep ro,nosuid/m);
  assert.match(out, /^0000000 {2}\\0 {2}\\0$/m);
  for (const name of ['prestart', 'createRuntime', 'createContainer', 'poststart', 'poststop']) {
    // Those around its end may be at work beside the answer.
    await until(
      `${name} has run`,
      () => existsSync(join(dir, name)) && readFileSync(join(dir, name), 'utf8').endsWith('\n'),
    );
    const state = JSON.parse(readFileSync(join(dir, name), 'utf8')) as { id: string; status: string };
    assert.match(state.id, /^[0-9a-f]{64}$/, name);
  }
  const inside = ran(...named('started'), 'busybox', 'cat', '/hook.out');
  assert.equal(inside.out, 'in the container\n', inside.err);
});

test("a user's mount replaces that of a device, and a read-only root makes it read-only", () => {
  const mounts = ['sh', '-c', 'grep " /cdi" /proc/self/mountinfo | cut -d" " -f5,6'];
  const { out } = ran(...named('whole'), '--read-only', '-v', `${etc}:/cdi/deep`, 'busybox', ...mounts);
  assert.match(out, /^\/cdi ro,/m);
  assert.match(out, /^\/cdi\/deep rw,/m);
});

test("what cannot be given is refused at the start, in Docker's words", () => {
  const cases: [args: string[], words: string][] = [
    [
      [...named('nope'), ...named('other')],
      'CDI device injection failed: unresolvable CDI devices vendor.com/dev=nope, vendor.com/dev=other',
    ],
    [
      named('gone'),
      'CDI device injection failed: failed to inject devices: failed to stat CDI host device "/dev/gone": no such file or directory',
    ],
    [['--gpus', 'all'], 'could not select device driver "" with capabilities: [[gpu]]'],
    [
      ['--gpus', 'driver=foo,capabilities=utility'],
      'could not select device driver "foo" with capabilities: [[utility gpu]]',
    ],
    [['--gpus', 'driver=cdi,count=1'], 'unexpected count in CDI device request'],
    [['--gpus', 'driver=cdi,count=0,options=a=b'], 'unexpected options in CDI device request'],
  ];
  for (const [args, words] of cases) {
    const { code, err } = ran(...args, 'busybox', 'true');
    assert.equal(code, 125, err);
    assert.ok(err.includes(`Error response from daemon: ${words}\n`), err);
  }
  const failing = ran(...named('failing'), 'busybox', 'true');
  assert.ok(failing.code !== 0 && failing.err.includes('hook'), failing.err);
  assert.equal(engine.causeway('ps', '-aq').out, '');
});

test('inspect shows what was asked for; a start after a restart of the daemon looks the devices up again', async () => {
  const file = join(run, 'b.json');
  const write = (value: string) =>
    writeFileSync(
      file,
      JSON.stringify({
        cdiVersion: '0.5.0',
        kind: 'vendor.com/late',
        devices: [{ name: 'a', containerEdits: { env: [`V=${value}`] } }],
      }),
    );
  write('1');
  const created = engine.causeway('create', '--name', 'late', '--device', 'vendor.com/late=a', '--device', '/dev/null:/dev/n', 'busybox', 'sh', '-c', 'echo $V'); // prettier-ignore
  assert.equal(created.code, 0, created.err);
  const shown = engine.causeway('inspect', '-f', '{{json .HostConfig.DeviceRequests}}', 'late').out;
  assert.deepEqual(JSON.parse(shown), [
    { Driver: 'cdi', Count: 0, DeviceIDs: ['vendor.com/late=a'], Capabilities: null, Options: null },
  ]);
  assert.equal(engine.causeway('start', '-a', 'late').out, '1\n');
  write('22');
  assert.equal(engine.causeway('start', '-a', 'late').out, '22\n');
  await engine.restart();
  write('333');
  assert.equal(engine.causeway('start', '-a', 'late').out, '333\n');
  rmSync(file);
  const { err } = engine.causeway('start', 'late');
  assert.ok(err.includes('unresolvable CDI devices vendor.com/late=a'), err);
  assert.match(engine.causeway('inspect', '-f', '{{.State.ExitCode}} {{.State.Error}}', 'late').out, /^128 CDI device/);
});

test("--gpus is NVIDIA's where its hook is installed", async () => {
  const bin = join(dir, 'bin');
  mkdirSync(bin);
  const hook = join(bin, 'nvidia-container-runtime-hook');
  writeFileSync(hook, `#!/bin/sh\necho "$0 $@" > ${dir}/nvidia\n`);
  chmodSync(hook, 0o755);
  const path = process.env['PATH'];
  process.env['PATH'] = `${bin}:${path}`;
  try {
    await engine.restart();
    const { out, err } = ran('--gpus', '"device=0,1",capabilities=utility', 'busybox', 'env');
    assert.match(out, /^NVIDIA_VISIBLE_DEVICES=0,1$/m, err);
    assert.match(out, /^NVIDIA_DRIVER_CAPABILITIES=utility$/m);
    assert.match(readFileSync(join(dir, 'nvidia'), 'utf8'), /prestart$/m);
    assert.match(ran('--gpus', 'all', 'busybox', 'env').out, /^NVIDIA_VISIBLE_DEVICES=all$/m);
    assert.match(ran('--gpus', '2', 'busybox', 'env').out, /^NVIDIA_VISIBLE_DEVICES=0,1$/m);
  } finally {
    process.env['PATH'] = path;
  }
});

test('CDI can be turned off', async () => {
  await engine.stop();
  await engine.boot(['--feature', 'cdi=false']);
  assert.ok(existsSync(join(etc, 'a.yaml')));
  assert.equal(engine.causeway('info', '-f', '{{json .CDISpecDirs}}').out.trim(), '[]');
  const { err } = ran(...named('whole'), 'busybox', 'true');
  assert.ok(err.includes('could not select device driver "cdi" with capabilities: []'), err);
});
