/**
 * Programs under the engine that hang: a runtime that never answers, a conmon or a resolver that somebody stopped, a
 * client that reads nothing. Whoever asked gets an error that names what hangs, in bounded time; everybody else's
 * requests are answered meanwhile; `rm -f` leaves nothing behind.
 */
import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { processesWritingTo, processIds, processState } from '../../src/kernel/process.ts';
import { callApi, type Answer } from '../harness/call-api.ts';
import { sleep, TestEngine, until } from '../harness/test-engine.ts';
import { assertUntouched, ownCgroupParent, readText, removeCgroupParent, tracesAtRest, type Traces } from './traces.ts';

const parent = ownCgroupParent();
const tools = mkdtempSync(join(tmpdir(), 'cwt-hang-'));
const runtime = join(tools, 'crun-that-hangs');
const BOUND_MS = 20_000; // of the engine's own, which are far shorter here; for a busy machine
let engine: TestEngine;
let clean: Traces;

before(async () => {
  // Hangs at each command that a file in `at/` names, with a child, as a script that waits for something would.
  writeFileSync(
    runtime,
    `#!/bin/bash --norc\nfor word; do [ -e ${tools}/at/"$word" ] && { HANG_MARK=${tools} sleep 1000; exit 1; }; done\nexec /usr/bin/crun "$@"\n`,
  );
  chmodSync(runtime, 0o755);
  mkdirSync(join(tools, 'at'));
  process.env['CAUSEWAY_PATIENCE'] = 'runtimeMs=1500,conmonMs=500,killMs=2000,graceMs=400,resolverMs=800';
  engine = await TestEngine.start({ flags: ['--cgroup-parent', parent, '--add-runtime', `hang=${runtime}`] });
  engine.importFixtures();
  engine.ok('network', 'create', 'net');
  engine.ok('run', '-d', '--name', 'other', '--network', 'net', 'busybox', 'sleep', '1000');
  engine.ok('exec', 'other', 'true');
  engine.ok('run', '--rm', '--runtime', 'hang', 'busybox', 'true');
  clean = await tracesAtRest(engine, parent);
});

after(async () => {
  delete process.env['CAUSEWAY_PATIENCE'];
  await engine.destroy();
  removeCgroupParent(parent);
  rmSync(tools, { recursive: true, force: true });
});

// One test that fails does not take the next with it.
afterEach(() => void engine.docker('rm', '-f', 'subject'));

const api = (method: string, path: string, body?: unknown): Promise<Answer> =>
  callApi(engine.socket, method, path, body, BOUND_MS);

/** The runtime hangs at `command` while `work` runs. */
async function hanging<T>(command: string, work: () => Promise<T>): Promise<T> {
  writeFileSync(join(tools, 'at', command), '');
  try {
    return await work();
  } finally {
    rmSync(join(tools, 'at', command));
  }
}

/** The answer to what hangs; meanwhile everybody else gets theirs, and one of them changes things. */
async function whileOthersWork(asked: Promise<Answer>): Promise<Answer> {
  let answered = false;
  void asked.then(() => (answered = true));
  let rounds = 0;
  do {
    for (const path of ['/_ping', '/containers/json?all=1', '/info', '/containers/other/json'])
      assert.equal((await api('GET', path)).status, 200, path);
    assert.ok([200, 404].includes((await api('GET', '/containers/subject/json')).status));
    for (const change of ['pause', 'unpause'])
      assert.equal((await api('POST', `/containers/other/${change}`)).status, 204);
    rounds++;
  } while (!answered);
  assert.ok(rounds > 0);
  return asked;
}

function subject(...flags: string[]): string {
  return engine.ok(
    'create',
    '--name',
    'subject',
    '--runtime',
    'hang',
    '--network',
    'net',
    ...flags,
    'busybox',
    'sleep',
    '1000',
  );
}

function running(...flags: string[]): string {
  const id = subject(...flags);
  engine.ok('start', 'subject');
  return id;
}

async function removedWithoutTrace(what: string): Promise<void> {
  const removed = await whileOthersWork(api('DELETE', '/containers/subject?force=1&v=1'));
  assert.ok(removed.status === 204 || removed.status === 404, `rm -f: ${removed.status} ${removed.text}`);
  assert.equal((await api('GET', '/containers/subject/json')).status, 404);
  await assertUntouched(engine, parent, clean, what);
  // What the hanging runtime had started: it does not say on its command line whose it is.
  await until(`nothing that the runtime started is left: ${what}`, () =>
    processIds().every((pid) =>
      readText(`/proc/${pid}/environ`)
        .split('\0')
        .every((entry) => entry !== `HANG_MARK=${tools}`),
    ),
  );
}

/** Named: the program, its number, the container, after how long, the way out. */
function assertNamed(answer: Answer, program: string, command: string, id: string): void {
  assert.ok(answer.status === 500 || command === 'exec', answer.text); // an attached one has its status before
  assert.match(
    answer.text,
    new RegExp(
      `${program} \\(pid \\d+.*\\) did not finish '${command}' of container ${id.slice(0, 12)} within 1.5 s and was killed: .*rm -f`,
    ),
  );
}

/** With the word on their command line. */
function processesWithArgument(word: string): number[] {
  return processIds().filter((pid) => readText(`/proc/${pid}/cmdline`).split('\0').includes(word));
}

/** Its parent may take a while to ask about it. */
const gone = (pid: number): boolean => ['Z', undefined].includes(processState(pid));
const resolver = (): number =>
  processesWritingTo(join(engine.execRoot, 'dns.log'), 'causeway-dns').find((pid) => !gone(pid)) ?? 0;
const conmonOf = (id: string): number =>
  Number(readFileSync(join(engine.execRoot, 'bundles', id, 'conmon.pid'), 'utf8'));

for (const status of ['created', 'exited'] as const) {
  test(`a start whose runtime hangs ends with its name; the container is ${status} as before and starts when it works again`, async () => {
    const id = status === 'created' ? subject() : running();
    if (status === 'exited') engine.ok('stop', '-t', '0', 'subject');
    const answer = await hanging('create', () => whileOthersWork(api('POST', '/containers/subject/start')));
    assertNamed(answer, 'hang', 'create', id);
    assert.equal(engine.ok('inspect', '-f', '{{.State.Status}}', 'subject'), status);
    engine.ok('start', 'subject');
    assert.equal(engine.ok('exec', 'subject', 'echo', 'works'), 'works');
    await removedWithoutTrace('a start that hung');
  });
}

test('rm -f does not wait for a start that hangs', async () => {
  subject();
  await hanging('create', async () => {
    const start = api('POST', '/containers/subject/start');
    await until('the runtime hangs', () => processesWithArgument(runtime).length > 0);
    const began = Date.now();
    await removedWithoutTrace('a start that hung and was removed');
    assert.ok(Date.now() - began < BOUND_MS);
    assert.match(
      (await start).message,
      /hang \(pid \d+\) did not finish 'create' .* before somebody who ends the container lost patience/,
    );
  });
});

for (const command of ['pause', 'update'] as const) {
  test(`${command} with a runtime that hangs ends with its name, and stop, kill and rm -f do not wait for it`, async () => {
    const id = running();
    const ask = (): Promise<Answer> =>
      command === 'pause'
        ? api('POST', '/containers/subject/pause')
        : api('POST', '/containers/subject/update', { Memory: 64 << 20, MemorySwap: 64 << 20 });
    await hanging(command, async () => {
      assertNamed(await whileOthersWork(ask()), 'hang', command, id);
      for (const end of ['stop?t=0', 'kill']) {
        const asked = [ask(), ask(), ask()];
        await until('the runtime hangs', () => processesWithArgument(runtime).length > 0);
        const ended = await whileOthersWork(api('POST', `/containers/subject/${end}`));
        assert.equal(ended.status, 204, ended.text);
        for (const answer of asked) assert.ok((await answer).status >= 400);
        assert.equal(engine.ok('inspect', '-f', '{{.State.Status}} {{.State.ExitCode}}', 'subject'), 'exited 137');
        engine.ok('start', 'subject');
      }
      const asked = [ask(), ask()];
      await until('the runtime hangs', () => processesWithArgument(runtime).length > 0);
      await removedWithoutTrace(`${command} that hung`);
      await Promise.all(asked);
    });
  });
}

test('unpause with a runtime that hangs ends with its name; stop and rm -f of a paused container need no runtime', async () => {
  const id = running();
  engine.ok('pause', 'subject');
  await hanging('resume', async () => {
    assertNamed(await whileOthersWork(api('POST', '/containers/subject/unpause')), 'hang', 'resume', id);
    assert.equal((await whileOthersWork(api('POST', '/containers/subject/stop?t=0'))).status, 204);
    engine.ok('start', 'subject');
    engine.ok('pause', 'subject');
    await removedWithoutTrace('a paused container');
  });
});

test('an exec whose runtime hangs fails with its name, attached or not; its container keeps running', async () => {
  const id = running();
  const exec = async (detach: boolean): Promise<Answer> => {
    const made = await api('POST', '/containers/subject/exec', { Cmd: ['true'], AttachStdout: true });
    return api('POST', `/exec/${(JSON.parse(made.text) as { Id: string }).Id}/start`, { Detach: detach });
  };
  await hanging('exec', async () => {
    for (const detach of [true, false]) assertNamed(await whileOthersWork(exec(detach)), 'hang', 'exec', id);
    const asked = exec(true);
    await until('the runtime hangs', () => processesWithArgument(runtime).length > 0);
    assert.equal((await api('POST', '/containers/subject/stop?t=0')).status, 204, 'a stop does not wait for it');
    const { status, text } = await asked;
    assert.deepEqual([status, text.includes(`container ${id} is not running`)], [409, true], text);
    engine.ok('start', 'subject');
  });
  assert.equal(engine.ok('exec', 'subject', 'echo', 'works'), 'works');
  await removedWithoutTrace('execs that hung');
});

test('a probe whose runtime hangs has failed when that is given up, and the next comes in its turn', async () => {
  running('--health-cmd', 'true', '--health-interval', '200ms', '--health-timeout', '300ms', '--health-retries', '2');
  await until('healthy', () => engine.ok('inspect', '-f', '{{.State.Health.Status}}', 'subject') === 'healthy');
  await hanging('exec', async () => {
    await until('unhealthy', () => engine.ok('inspect', '-f', '{{.State.Health.Status}}', 'subject') === 'unhealthy');
    assert.match(
      engine.ok('inspect', '-f', '{{range .State.Health.Log}}{{.Output}}{{end}}', 'subject'),
      /hang \(pid \d+\) did not finish 'exec'/,
    );
  });
  await until('healthy again', () => engine.ok('inspect', '-f', '{{.State.Health.Status}}', 'subject') === 'healthy');
  await removedWithoutTrace('probes that hung');
});

const pid = (id: string): string => readText(join(engine.execRoot, 'bundles', id, 'pidfile')).trim();

for (const end of ['stop?t=1', 'kill', 'restart?t=1'] as const) {
  test(`${end} of a container whose conmon is stopped: it ends with the exit code that the kernel has`, async () => {
    const id = subject('--init');
    engine.ok('start', 'subject');
    // An init that has just been executed does not pass signals on yet, and the kernel drops them.
    await until(
      'the init has started its process',
      () => readText(join('/proc', pid(id), 'task', pid(id), 'children')).trim() !== '',
    );
    const conmon = conmonOf(id);
    process.kill(conmon, 'SIGSTOP');
    const answer = await whileOthersWork(api('POST', `/containers/subject/${end}`));
    assert.equal(answer.status, 204, answer.text);
    assert.ok(gone(conmon));
    if (end !== 'restart?t=1')
      assert.match(
        engine.ok('inspect', '-f', '{{.State.Status}} {{.State.ExitCode}}', 'subject'),
        end === 'kill' ? /^exited 137$/ : /^exited 143$/,
      );
    else assert.equal(engine.ok('exec', 'subject', 'echo', 'works'), 'works');
    assert.match(engine.log, /conmon did not say within 0.5 s how the process ended, and is killed/);
    await removedWithoutTrace(`${end} with a stopped conmon`);
  });
}

test('rm -f of a container whose conmon is stopped, has a stopped exec, and is asked to attach and to resize', async () => {
  const id = running('-i', '-t');
  engine.ok('exec', '-d', 'subject', 'sleep', '500');
  const conmons = processesWithArgument(id).filter(
    (pid) => readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'conmon',
  );
  assert.equal(conmons.length, 2);
  for (const pid of conmons) process.kill(pid, 'SIGSTOP');
  const clients = Array.from({ length: 40 }, () => hijack('/containers/subject/attach?stream=1&stdout=1&stdin=1'));
  // Its queue takes some thousand sizes; then it says so.
  let refused = 0;
  for (let round = 0; round < 60 && refused === 0; round++) {
    const answers = await Promise.all(
      Array.from({ length: 100 }, () => api('POST', '/containers/subject/resize?h=65535&w=65535')),
    );
    refused = answers.filter(({ status, message }) => status === 503 && /conmon does not read/.test(message)).length;
  }
  assert.ok(refused > 0, 'a full control pipe is told of, not waited for');
  await removedWithoutTrace('stopped monitors');
  for (const client of clients) client.destroy();
  for (const pid of conmons) assert.ok(gone(pid));
});

test('an exec whose conmon is stopped has ended when its process has', async () => {
  const id = running();
  const asked = api('POST', '/containers/subject/exec', { Cmd: ['sh', '-c', 'sleep 3; exit 7'], AttachStdout: true });
  const exec = (JSON.parse((await asked).text) as { Id: string }).Id;
  const output = api('POST', `/exec/${exec}/start`, { Detach: false });
  await until(
    'it runs',
    async () => (JSON.parse((await api('GET', `/exec/${exec}/json`)).text) as { Pid: number }).Pid > 0,
  );
  process.kill(
    Number(readFileSync(join(engine.execRoot, 'bundles', id, 'exec', exec, 'conmon.pid'), 'utf8')),
    'SIGSTOP',
  );
  assert.equal((await whileOthersWork(output)).status, 200);
  assert.equal((JSON.parse((await api('GET', `/exec/${exec}/json`)).text) as { ExitCode: number }).ExitCode, 7);
  await removedWithoutTrace('an exec with a stopped conmon');
});

test('a client that does not read blocks its container only; after a stop the exit status and all output are there', async () => {
  engine.ok('create', '--name', 'subject', '--network', 'net', 'busybox', 'yes');
  const client = hijack('/containers/subject/attach?stream=1&stdout=1');
  await until('attached', () => client.bytesRead > 0);
  client.pause();
  const killed = (): number => engine.log.split('how the process ended, and is killed').length;
  const before = killed();
  assert.equal((await whileOthersWork(api('POST', '/containers/subject/start'))).status, 204);
  const directory = join(engine.dataRoot, 'containers', engine.ok('inspect', '-f', '{{.Id}}', 'subject'));
  const log = join(directory, `${basename(directory)}-json.log`);
  await until('there is a log', () => existsSync(log) && statSync(log).size > 0);
  // What conmon has written, and how far it has come to the log.
  const sizes = (): string =>
    readdirSync(directory, { recursive: true, encoding: 'utf8' })
      .map((name) => statSync(join(directory, name)).size)
      .join();
  let last = '';
  await until('it is held up', async () => last === (last = sizes()) && (await sleep(100), last === sizes()));
  assert.equal((await whileOthersWork(api('POST', '/containers/subject/stop?t=1'))).status, 204);
  assert.equal(engine.ok('inspect', '-f', '{{.State.Status}} {{.State.ExitCode}}', 'subject'), 'exited 137');
  assert.equal(killed(), before, 'conmon was not held up');
  let bytes = 0;
  client.on('data', (chunk: Buffer) => (bytes += chunk.length));
  const ended = new Promise((resolve) => client.once('end', resolve));
  client.resume();
  await ended;
  assert.ok(bytes > 1 << 20, 'what was written before is delivered');
  await removedWithoutTrace('a client that read nothing');
});

test('a copy to a client that reads nothing does not keep rm -f from a stopped container', async () => {
  engine.ok('create', '--name', 'subject', 'busybox', 'sh');
  const client = connect(engine.socket);
  client.on('error', () => {});
  client.write('GET /containers/subject/archive?path=/bin HTTP/1.1\r\nHost: x\r\n\r\n');
  await until('it comes', () => client.bytesRead > 0);
  client.pause();
  await removedWithoutTrace('a copy that nobody read');
  client.destroy();
});

test('a stopped resolver is replaced soon, and the new one has all names', async () => {
  const id = running();
  for (const ask of [
    () => api('POST', '/containers/subject/restart?t=0'),
    () => api('POST', '/networks/bridge/connect', { Container: id }),
    () => api('POST', '/networks/bridge/disconnect', { Container: id }),
    () => api('POST', '/containers/subject/stop?t=0'),
    () => api('POST', '/containers/subject/start'),
  ]) {
    const stopped = resolver();
    process.kill(stopped, 'SIGSTOP');
    const answer = await ask();
    assert.ok(answer.status < 300, answer.text);
    assert.ok(gone(stopped));
    if (engine.ok('inspect', '-f', '{{.State.Running}}', 'subject') !== 'true') continue;
    assert.match(engine.ok('exec', 'subject', 'nslookup', 'other'), /Name:\s+other/);
    assert.match(engine.ok('exec', 'other', 'nslookup', 'subject'), /Name:\s+subject/);
  }
  await removedWithoutTrace('a stopped resolver');
});

test('a daemon that starts finds a stopped resolver and stopped monitors, and goes on', async () => {
  const id = running();
  const [conmon, otherConmon] = [conmonOf(id), conmonOf(engine.ok('inspect', '-f', '{{.Id}}', 'other'))];
  await engine.stop('SIGKILL');
  for (const pid of [conmon, otherConmon]) process.kill(pid, 'SIGSTOP');
  process.kill(Number(readFileSync(join(engine.execRoot, 'bundles', id, 'pidfile'), 'utf8')), 'SIGKILL');
  process.kill(resolver(), 'SIGSTOP');
  await engine.boot();
  assert.equal(engine.ok('inspect', '-f', '{{.State.Status}} {{.State.ExitCode}}', 'subject'), 'exited 137');
  assert.ok(gone(conmon));
  process.kill(otherConmon, 'SIGCONT');
  engine.ok('start', 'subject');
  assert.match(engine.ok('exec', 'other', 'nslookup', 'subject'), /Name:\s+subject/);
  await removedWithoutTrace('a daemon that found what was stopped');
});

test('a conmon that was stopped when it had said how the container ended is gone when the next daemon has started', async () => {
  const id = running();
  const conmon = conmonOf(id);
  await engine.stop('SIGKILL');
  process.kill(conmon, 'SIGSTOP');
  process.kill(Number(readFileSync(join(engine.execRoot, 'bundles', id, 'pidfile'), 'utf8')), 'SIGKILL');
  writeFileSync(join(engine.execRoot, 'oci/exits', id), '137'); // conmon's last step
  await engine.boot();
  assert.equal(engine.ok('inspect', '-f', '{{.State.Status}} {{.State.ExitCode}}', 'subject'), 'exited 137');
  assert.ok(gone(conmon));
  await removedWithoutTrace('a conmon that was stopped at its end');
});

test('a daemon that was killed while a runtime hung leaves no start half done', async () => {
  subject();
  await hanging('create', async () => {
    void api('POST', '/containers/subject/start').catch(() => {});
    await until('the runtime hangs', () => processesWithArgument(runtime).length > 0);
    await engine.stop('SIGKILL');
    await engine.boot();
    assert.equal(engine.ok('inspect', '-f', '{{.State.Status}}', 'subject'), 'created');
    await removedWithoutTrace('a start that was cut off while the runtime hung');
  });
});

test('a daemon ends in time although a runtime hangs and clients read nothing', async () => {
  running();
  await hanging('pause', async () => {
    void api('POST', '/containers/subject/pause').catch(() => {});
    const client = hijack('/events');
    client.pause();
    await until('the runtime hangs', () => processesWithArgument(runtime).length > 0);
    const ended = engine.stop();
    await until(
      'the daemon has ended',
      () =>
        Promise.race([ended.then(() => true), new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 20))]),
      BOUND_MS,
    );
    client.destroy();
  });
  await engine.boot();
  await removedWithoutTrace('an end of the daemon while something hung');
});

function hijack(path: string): Socket {
  const socket = connect(engine.socket);
  socket.on('error', () => {});
  socket.write(
    `${path === '/events' ? 'GET' : 'POST'} ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\n`,
  );
  return socket;
}
