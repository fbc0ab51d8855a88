/**
 * Containers of busybox under conmon with both runtimes: output, input, terminals, exec, ends, and what a restart
 * finds.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { silentLog } from '../../src/base/log.ts';
import { cgroupMounts } from '../../src/kernel/cgroup.ts';
import { readLog } from '../../src/oci/log-file.ts';
import { Runtime } from '../../src/oci/runtime.ts';
import { buildExecProcess } from '../../src/oci/spec.ts';
import { collect, exitOf, makePlace, makeRecord, makeSpec, runContainer, type Place } from './fixture.ts';

const asRoot = process.getuid?.() === 0;
const sleepMs = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const STDIN = { process: { openStdin: true, stdinOnce: true } };

async function createIn(
  place: Place,
  script: string,
  changes: Parameters<typeof makeRecord>[1] = {},
  logPath: string | null = null,
) {
  const record = makeRecord(script, changes);
  const { tty, openStdin, stdinOnce } = record.spec.process;
  const bundle = join(place.directory, 'bundles', record.id);
  const { pid } = await place.runtime.create({
    id: record.id,
    bundle,
    spec: makeSpec(place, record),
    runtime: '',
    tty,
    openStdin,
    stdinOnce,
    logPath,
  });
  return { id: record.id, record, bundle, pid, exited: exitOf(place.runtime, record.id) };
}

const execProcess = (record: ReturnType<typeof makeRecord>, script: string, tty = false) =>
  buildExecProcess({
    record,
    args: ['sh', '-c', script],
    env: ['PATH=/bin'],
    cwd: '/tmp',
    tty,
    privileged: false,
    user: { uid: 0, gid: 0, additionalGids: [] },
  });

/** Everything of ours that is left of a container. */
function remains(place: Place, id: string): string[] {
  const left = [...cgroupMounts().controllers.values()].map((root) => join(root, 'causeway-test', id));
  left.push(
    join(place.directory, 'bundles', id),
    join(place.directory, 'state/exits', id),
    join(place.directory, 'state/containers', `${id}.json`),
  );
  left.push(join(place.directory, 'state/runtimes/crun', id), join(place.directory, 'state/runtimes/runc', id));
  const processes = readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && commandOf(pid).includes(id));
  return [...left.filter((path) => existsSync(path)), ...processes];
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
  } catch {
    return '';
  }
}

for (const kind of ['crun', 'runc'] as const) {
  describe(`containers with ${kind}`, { skip: !asRoot && 'needs root' }, () => {
    const place = makePlace({ runtime: kind });
    after(() => place.remove());

    test('works here', async () => {
      assert.equal(await place.runtime.probe(kind), undefined);
    });

    test('output, exit code, and nothing left', async () => {
      const result = await runContainer(place, 'echo out; echo err >&2; exit 3');
      assert.deepEqual([result.code, String(result.stdout), String(result.stderr)], [3, 'out\n', 'err\n']);
      assert.deepEqual(remains(place, result.id), []);
    });

    test('what a process prints just before it ends is not lost', async () => {
      for (let round = 0; round < 8; round++) {
        const { stdout, stderr } = await runContainer(place, ['sh', '-c', `echo o${round}; echo e${round} >&2`]);
        assert.deepEqual([String(stdout), String(stderr)], [`o${round}\n`, `e${round}\n`]);
      }
    });

    test('two megabytes of output, in order', async () => {
      const { stdout } = await runContainer(place, 'seq 1 300000');
      assert.equal(String(stdout), Array.from({ length: 300_000 }, (_, index) => `${index + 1}\n`).join(''));
    });

    test('three megabytes of stdin, then its end', async () => {
      const stdin = Buffer.from(Array.from({ length: 3_000_000 }, (_, index) => (index * 7919) & 0xff));
      const { stdout } = await runContainer(place, 'sha256sum; echo done', { changes: STDIN, stdin });
      assert.equal(String(stdout), `${createHash('sha256').update(stdin).digest('hex')}  -\ndone\n`);
    });

    test('a process that does not read its stdin ends all the same', async () => {
      const { code } = await runContainer(place, 'exit 4', { changes: STDIN, stdin: Buffer.alloc(2_000_000) });
      assert.equal(code, 4);
    });

    test('programs that cannot be run', async () => {
      const failure = async (argv: string[]) =>
        runContainer(place, argv).then(
          () => assert.fail('it ran'),
          (error: { message: string; exitCode: number; kind: string }) => error,
        );
      const missing = await failure(['nosuch']);
      assert.match(
        missing.message,
        /^failed to create task for container: .*exec: "nosuch": executable file not found in \$PATH$/,
      );
      assert.deepEqual([missing.exitCode, missing.kind], [127, 'invalid']);
      assert.match(
        (await failure(['/bin/nosuch'])).message,
        /exec: "\/bin\/nosuch": stat \/bin\/nosuch: no such file or directory/,
      );
      const refused = await failure(['/bin/plain']);
      assert.match(refused.message, /exec: "\/bin\/plain": permission denied/);
      assert.equal(refused.exitCode, 126);
      assert.match((await failure(['/bin'])).message, /permission denied$/);
      assert.deepEqual(readdirSync(join(place.directory, 'bundles')), []);
      assert.deepEqual(readdirSync(join(place.directory, 'state/containers')), []);
    });

    test('exec: output, input, exit codes', async () => {
      const { id, record } = await createIn(place, 'sleep 100');
      await place.runtime.start(id);
      for (let round = 0; round < 5; round++) {
        const exec = await place.runtime.exec(id, `e${round}`, {
          process: execProcess(record, `echo o${round}; echo e${round} >&2; pwd; exit ${round}`),
          tty: false,
          stdin: false,
          attach: true,
        });
        const { stdout, stderr } = await collect(exec.session!);
        assert.deepEqual(
          [String(stdout), String(stderr), await exec.exited],
          [`o${round}\n/tmp\n`, `e${round}\n`, round],
        );
      }
      const reader = await place.runtime.exec(id, 'reader', {
        process: execProcess(record, 'cat; echo end'),
        tty: false,
        stdin: true,
        attach: true,
      });
      const output = collect(reader.session!);
      await reader.session!.writeStdin(Buffer.from('hello\n'));
      await reader.session!.closeStdin();
      assert.equal(String((await output).stdout), 'hello\nend\n');
      const silent = await place.runtime.exec(id, 'silent', {
        process: execProcess(record, 'exit 9'),
        tty: false,
        stdin: false,
        attach: false,
      });
      assert.equal(silent.session, null);
      assert.equal(await silent.exited, 9);
      const long = await place.runtime.exec(id, 'long', {
        process: execProcess(record, 'sleep 100'),
        tty: false,
        stdin: false,
        attach: false,
      });
      assert.ok(place.runtime.processes(id).includes(long.pid));
      assert.ok(long.kill(9));
      assert.equal(await long.exited, 137);
      const process = { ...execProcess(record, ''), args: ['nosuch'] };
      await assert.rejects(
        place.runtime.exec(id, 'missing', { process, tty: false, stdin: false, attach: true }),
        (error: { message: string; exitCode: number }) => {
          assert.match(
            error.message,
            /^OCI runtime exec failed: exec failed: unable to start container process: exec: "nosuch": executable file not found in \$PATH/,
          );
          return error.exitCode === 127;
        },
      );
      assert.deepEqual(readdirSync(join(place.directory, 'bundles', id, 'exec')), []);
      await place.runtime.delete(id, { force: true });
      assert.deepEqual(remains(place, id), []);
    });

    test('a terminal: size, carriage returns, exec with one of its own', async () => {
      const { id, record, exited } = await createIn(place, 'read x; stty size; echo got $x', {
        process: { tty: true, openStdin: true },
      });
      const session = await place.runtime.attach(id);
      const output = collect(session);
      await place.runtime.start(id);
      place.runtime.resize(id, 33, 101);
      await sleepMs(30);
      const exec = await place.runtime.exec(id, 'tty', {
        process: execProcess(record, 'read y; stty size', true),
        tty: true,
        stdin: true,
        attach: true,
      });
      const execOutput = collect(exec.session!);
      exec.resize(44, 102);
      await sleepMs(30);
      await exec.session!.writeStdin(Buffer.from('\n'));
      assert.match(String((await execOutput).stdout), /44 102\r\n/);
      await session.writeStdin(Buffer.from('yes\n'));
      assert.match(String((await output).stdout), /33 101\r\ngot yes\r\n$/);
      assert.equal((await exited).code, 0);
      await place.runtime.delete(id);
    });

    test('what has started is the program, not the runtime any more', async () => {
      for (let round = 0; round < 5; round++) {
        const { id, pid, exited } = await createIn(place, 'sleep 1000');
        const before = readlinkSync(`/proc/${pid}/exe`);
        await place.runtime.start(id);
        assert.notEqual(readlinkSync(`/proc/${pid}/exe`), before);
        await place.runtime.kill(id, 9);
        await exited;
        await place.runtime.delete(id);
      }
    });

    test('signals, pause, limits', async () => {
      const { id, exited, pid } = await createIn(place, "trap 'exit 7' TERM; while :; do usleep 10000; done");
      await place.runtime.start(id);
      assert.ok(place.runtime.processes(id).includes(pid));
      await sleepMs(50);
      await place.runtime.pause(id);
      await place.runtime.kill(id, 15);
      assert.equal(await Promise.race([exited, sleepMs(100)]), undefined);
      await place.runtime.update(id, { memory: { limit: 64 << 20 } });
      await place.runtime.resume(id);
      assert.equal((await exited).code, 7);
      await place.runtime.delete(id);
      const frozen = await createIn(place, 'sleep 100');
      await place.runtime.start(frozen.id);
      await place.runtime.pause(frozen.id);
      await place.runtime.kill(frozen.id, 9);
      assert.equal((await frozen.exited).code, 137);
      await place.runtime.delete(frozen.id);
    });

    test('a daemon that comes back finds what runs, and how the rest ended', async () => {
      const running = await createIn(place, 'read x; echo got $x; exit 5', { process: { openStdin: true } });
      const ending = await createIn(place, 'sleep 0.2; exit 6');
      const unstarted = await createIn(place, 'true');
      await place.runtime.start(running.id);
      await place.runtime.start(ending.id);
      place.runtime.close();
      await sleepMs(500);
      const again = new Runtime({
        runtimes: { crun: '/usr/bin/crun', runc: '/usr/sbin/runc' },
        defaultRuntime: kind,
        conmonPath: '/usr/bin/conmon',
        stateDir: join(place.directory, 'state'),
        log: silentLog,
      });
      (place as { runtime: Runtime }).runtime = again;
      assert.deepEqual(again.knownIds().sort(), [running.id, ending.id, unstarted.id].sort());
      const ended = await again.recover(ending.id);
      assert.equal(ended.running === false && ended.exitCode, 6);
      assert.equal((await again.recover(unstarted.id)).running, false);
      assert.deepEqual(await again.recover(running.id), { running: true, pid: running.pid });
      const session = await again.attach(running.id);
      const output = collect(session);
      const exited = exitOf(again, running.id);
      await session.writeStdin(Buffer.from('it\n'));
      assert.equal(String((await output).stdout), 'got it\n');
      assert.equal((await exited).code, 5);
      await again.delete(running.id);
      // Until it is stored, a daemon that dies once more must find it again.
      const later = await again.recover(ending.id);
      assert.equal(later.running === false && later.exitCode, 6);
      for (const { id } of [ending, unstarted]) again.forgetExit(id);
      for (const { id } of [running, ending, unstarted]) assert.deepEqual(remains(place, id), []);
      assert.equal((await again.recover('0'.repeat(64))).running, false);
    });
  });
}

describe('what conmon and we make of it', { skip: !asRoot && 'needs root' }, () => {
  const place = makePlace();
  after(() => place.remove());

  test('several sessions get the same output; one that only listens does not end stdin', async () => {
    const { id, exited } = await createIn(place, 'echo one; cat', STDIN);
    const [first, second, listener] = [
      await place.runtime.attach(id),
      await place.runtime.attach(id),
      await place.runtime.attach(id, { stdin: false }),
    ];
    const outputs = [collect(first), collect(second)];
    await place.runtime.start(id);
    await sleepMs(50);
    listener.detach();
    await sleepMs(50);
    await first.writeStdin(Buffer.from('two\n'));
    await first.closeStdin();
    for (const output of outputs) assert.equal(String((await output).stdout), 'one\ntwo\n');
    assert.equal((await exited).code, 0);
    await place.runtime.delete(id);
    await assert.rejects(async () => place.runtime.attach(id), { kind: 'notFound' });
  });

  test('each of several sessions gets what a quick process prints', async () => {
    for (let round = 0; round < 5; round++) {
      const { id, exited } = await createIn(place, `echo ${round}; exit ${round}`);
      const outputs: Promise<{ stdout: Buffer }>[] = [];
      for (let count = 0; count < 4; count++) outputs.push(collect(await place.runtime.attach(id)));
      await place.runtime.start(id);
      for (const output of outputs) assert.equal(String((await output).stdout), `${round}\n`);
      assert.equal((await exited).code, round);
      await place.runtime.delete(id);
    }
  });

  test('what a client sent before it left still arrives', async () => {
    const { id, exited } = await createIn(place, 'usleep 200000; sha256sum > /tmp/sum; exit 3', STDIN);
    const session = await place.runtime.attach(id);
    await place.runtime.start(id);
    const stdin = Buffer.alloc(2_000_000, 'abc');
    void session.writeStdin(stdin);
    void session.closeStdin();
    session.detach();
    assert.equal((await exited).code, 3);
    assert.match(
      readFileSync(join(place.rootfs, 'tmp/sum'), 'utf8'),
      new RegExp(createHash('sha256').update(stdin).digest('hex')),
    );
    await place.runtime.delete(id);
  });

  test('a reader that pauses loses nothing; one that never reads holds the process until it leaves', async () => {
    const { id, exited } = await createIn(place, 'yes abcdefg | head -c 8000000');
    const slow = await place.runtime.attach(id);
    const idle = await place.runtime.attach(id, { stdin: false });
    await place.runtime.start(id);
    let sizeBytes = 0;
    const reading = (async () => {
      for await (const { data } of slow.output) {
        sizeBytes += data.length;
        if (sizeBytes % 100 === 0) await sleepMs(1);
      }
    })();
    assert.equal(await Promise.race([exited, sleepMs(400)]), undefined, 'held by the one that does not read');
    idle.detach();
    await reading;
    assert.equal(sizeBytes, 8_000_000);
    assert.equal((await exited).code, 0);
    await place.runtime.delete(id);
  });

  test('stdin stays open after a session where it is not meant for one client only', async () => {
    const { id, exited } = await createIn(place, 'head -n 1; head -n 1', { process: { openStdin: true } });
    const first = await place.runtime.attach(id);
    await place.runtime.start(id);
    await first.writeStdin(Buffer.from('one\n'));
    await first.closeStdin();
    first.detach();
    await sleepMs(50);
    const second = await place.runtime.attach(id);
    const output = collect(second);
    await second.writeStdin(Buffer.from('two\n'));
    assert.equal(String((await output).stdout), 'two\n');
    assert.equal((await exited).code, 0);
    await place.runtime.delete(id);
  });

  test('the log has what was printed, and starts anew at its limit', async () => {
    const logPath = join(place.directory, 'a.log');
    await runContainer(place, 'echo out; echo err >&2; printf open', { logPath });
    const frames: string[] = [];
    for await (const batch of readLog(
      { path: logPath, format: 'plain' },
      {
        stdout: true,
        stderr: true,
        follow: false,
        tail: -1,
        sinceNs: 0n,
        untilNs: 0n,
      },
    ))
      frames.push(...batch.map((frame) => `${frame.stream} ${frame.data}`));
    assert.deepEqual(frames.sort(), ['stderr err\n', 'stdout open', 'stdout out\n']);
    const limited = join(place.directory, 'b.log');
    await runContainer(place, 'seq 1 20000', { logPath: limited, logMaxBytes: 100_000 });
    assert.ok(readFileSync(limited).length <= 100_000);
    assert.match(readFileSync(limited, 'utf8'), / F 20000\n$/);
    await assert.rejects(
      runContainer(place, 'true', { logPath: join(place.directory, 'a:b.log') }),
      /must not contain a colon/,
    );
  });

  test('the conmon that stays is a fork: what its start-up read in is not resident in each', async () => {
    const { id, pid } = await createIn(place, 'sleep 100');
    const parentOf = (child: number) => {
      const stat = readFileSync(`/proc/${child}/stat`, 'latin1');
      return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
    };
    const conmon = parentOf(pid);
    assert.notEqual(parentOf(conmon), process.pid);
    const kib = (name: string) =>
      Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(readFileSync(`/proc/${conmon}/status`, 'latin1'))?.[1]);
    assert.ok(kib('RssFile') < 3000, `${kib('RssFile')} KiB of files are resident in conmon`);
    await place.runtime.delete(id, { force: true });
    assert.deepEqual(remains(place, id), []);
  });

  test('what a probe left that was ended in the middle goes with the next one', async () => {
    const left = join(place.directory, 'state/causeway-probe-99999999');
    mkdirSync(join(left, 'rootfs/dev'), { recursive: true });
    assert.equal(await place.runtime.probe(), undefined);
    assert.ok(!existsSync(left));
  });

  test('the end of a container costs no look at every process of the host', async () => {
    const MANY = 1 << 20;
    const others = Array.from({ length: 8 }, () =>
      spawn('sleep', ['1000', ...Array.from({ length: 8 }, () => '0'.repeat(MANY / 64))]),
    );
    const readBytes = (): number => Number(/^rchar: (\d+)/m.exec(readFileSync('/proc/self/io', 'latin1'))![1]);
    try {
      const { id, exited } = await createIn(place, 'true');
      const before = readBytes();
      await place.runtime.start(id);
      await exited;
      await place.runtime.delete(id);
      assert.ok(readBytes() - before < MANY, 'the command lines of others were read');
      assert.deepEqual(remains(place, id), []);
    } finally {
      for (const other of others) other.kill();
    }
  });

  test('an exec that meets the end of its container says that, and not what the runtime ran into', async () => {
    const { id, record, bundle, pid, exited } = await createIn(place, 'sleep 1000');
    await place.runtime.start(id);
    const conmon = Number(readFileSync(join(bundle, 'conmon.pid'), 'utf8'));
    process.kill(conmon, 'SIGSTOP'); // it would tell that the container has ended
    try {
      process.kill(pid, 'SIGKILL');
      const request = { process: execProcess(record, 'true'), tty: false, stdin: false };
      for (const attach of [true, false])
        await assert.rejects(place.runtime.exec(id, `attach-${attach}`, { ...request, attach }), {
          kind: 'conflict',
          message: `container ${id} is not running`,
        });
    } finally {
      process.kill(conmon, 'SIGCONT');
    }
    await exited;
    await place.runtime.delete(id);
  });

  test('conmon killed: the container is ended and reported', async () => {
    const { id, exited, pid } = await createIn(place, 'sleep 100');
    await place.runtime.start(id);
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    process.kill(Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]), 'SIGKILL');
    assert.equal((await exited).code, 255);
    await place.runtime.delete(id);
    assert.deepEqual(remains(place, id), []);
  });

  test('out of memory is distinguished from a kill', async () => {
    const { exit } = await runContainer(place, 'x=a; while :; do x=$x$x; done', {
      changes: { resources: { memoryBytes: 16 << 20 } },
    });
    assert.deepEqual([exit.code, exit.oomKilled], [137, true]);
    const { id, exited } = await createIn(place, 'sleep 100');
    await place.runtime.start(id);
    await place.runtime.kill(id, 9);
    const killed = await exited;
    assert.deepEqual([killed.code, killed.oomKilled], [137, false]);
    await place.runtime.delete(id);
  });

  test('want of memory is told while the container runs on: of a process that is killed, and of one that waits', async () => {
    for (const [script, oomKillDisable] of [
      ['sh -c "x=a; while :; do x=\\$x\\$x; done"; sleep 100000', false],
      ['x=a; while :; do x=$x$x; done', true],
    ] as const) {
      const told: string[] = [];
      const heard = new Promise<void>((resolve) => {
        place.runtime.listen({ oom: (id) => resolve(void told.push(id)) });
      });
      const { id, exited } = await createIn(place, script, {
        resources: { memoryBytes: 16 << 20, oomKillDisable },
      });
      await place.runtime.start(id);
      await heard;
      assert.deepEqual(told, [id]);
      await place.runtime.kill(id, 9);
      assert.equal((await exited).oomKilled, true);
      await place.runtime.delete(id);
    }
  });

  test("in the host's pid namespace, what the first process leaves behind is ended too", async () => {
    const record = makeRecord('sleep 1000 & exit 0');
    const spec = makeSpec(place, record, { pid: 'host' });
    await place.runtime.create({
      id: record.id,
      bundle: join(place.directory, 'bundles', record.id),
      spec,
      runtime: '',
      tty: false,
      openStdin: false,
      stdinOnce: false,
      logPath: null,
    });
    const exited = exitOf(place.runtime, record.id);
    await place.runtime.start(record.id);
    assert.equal((await exited).code, 0);
    const left = place.runtime.processes(record.id);
    assert.equal(left.length, 1);
    await place.runtime.delete(record.id);
    assert.deepEqual(remains(place, record.id), []);
    assert.equal(existsSync(`/proc/${left[0]}/cwd`) && commandOf(String(left[0])).includes('sleep'), false);
  });

  test('a running container is deleted only by force, with its execs; an absent one is deleted', async () => {
    const { id, record } = await createIn(place, 'sleep 100');
    await place.runtime.start(id);
    const exec = await place.runtime.exec(id, 'e', {
      process: execProcess(record, 'sleep 100'),
      tty: false,
      stdin: false,
      attach: true,
    });
    await assert.rejects(place.runtime.delete(id), { kind: 'conflict' });
    await place.runtime.delete(id, { force: true });
    assert.deepEqual(remains(place, id), []);
    assert.equal(await exec.exited, 137);
    await place.runtime.delete(id);
  });

  test('paths longer than a unix socket address holds', async () => {
    const deep = makePlace({ prefix: `causeway-${'long-'.repeat(24)}` });
    try {
      const result = await runContainer(deep, 'cat', { changes: STDIN, stdin: Buffer.from('hello') });
      assert.equal(String(result.stdout), 'hello');
    } finally {
      deep.remove();
    }
  });

  test('programs that are not installed are named', async () => {
    const make = (runtime: string, conmonPath: string) =>
      new Runtime({
        runtimes: { x: runtime },
        defaultRuntime: 'x',
        conmonPath,
        stateDir: join(place.directory, 'other'),
        log: silentLog,
      });
    const attempt = async (runtime: Runtime) => {
      const record = makeRecord('true');
      try {
        await runtime.create({
          id: record.id,
          bundle: join(place.directory, 'bundles', record.id),
          spec: makeSpec(place, record),
          runtime: '',
          tty: false,
          openStdin: false,
          stdinOnce: false,
          logPath: null,
        });
      } finally {
        runtime.close();
        assert.deepEqual(remains(place, record.id), []);
      }
    };
    await assert.rejects(
      attempt(make('/usr/bin/crun', '/nowhere/conmon')),
      /cannot run \/nowhere\/conmon: no such program; install the package "conmon"/,
    );
    await assert.rejects(
      attempt(make('/nowhere/crun', '/usr/bin/conmon')),
      /cannot run \/nowhere\/crun: no such program; install the package "crun"/,
    );
    assert.match((await make('/nowhere/runc', '/usr/bin/conmon').probe())!, /install the package "runc"/);
    await assert.rejects(runContainer(place, 'true', { runtime: 'kata' }), {
      message: 'unknown or invalid runtime name: kata',
    });
  });

  test("a path that is not one container's cgroup is refused before anything happens", async () => {
    const record = makeRecord('true');
    for (const cgroupsPath of ['', '/', '/causeway', `/causeway/../${record.id}`, record.id, '/a//b']) {
      await assert.rejects(
        place.runtime.create({
          id: record.id,
          bundle: join(place.directory, 'bundles', record.id),
          spec: makeSpec(place, record, { cgroupsPath }),
          runtime: '',
          tty: false,
          openStdin: false,
          stdinOnce: false,
          logPath: null,
        }),
        /not the path of a container's own cgroup/,
      );
    }
  });
});
