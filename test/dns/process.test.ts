import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';
import { silentLog } from '../../src/base/log.ts';
import { processState } from '../../src/kernel/process.ts';
import { ResolverProcess, type ResolverProcessOptions } from '../../src/daemon/resolver-process.ts';
import type { QueryEvent } from '../../src/base/name-query.ts';
import { Host, testEnvironment } from '../harness/host.ts';
import { encodeMessage, question } from '../../src/dns/message.ts';
import { a, ask, connectTcp, FakeServer, PORT, TcpClient, texts, view, zone } from './dns-world.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const flooder = fileURLToPath(new URL('flooder.ts', import.meta.url));

describe('the resolver as a process', () => {
  const host = Host.create();
  const other = Host.create();
  const execRoot = mkdtempSync(join(tmpdir(), 'causeway-dns-'));
  // As it ships: one file. Beside node_modules, because koffi stays outside of the bundle.
  const program = join(root, 'node_modules', '.cache', `dns-test-${process.pid}.mjs`);
  const links: ResolverProcess[] = [];
  const newLink = (options: Partial<ResolverProcessOptions> = {}): ResolverProcess => {
    const link = new ResolverProcess({ program, execRoot, log: silentLog, ...options });
    links.push(link);
    return link;
  };
  const alive = (pid: number): boolean => {
    try {
      process.kill(pid, 0);
      return true;
    } catch {
      return false;
    }
  };
  const until = async (
    what: string,
    condition: () => boolean | Promise<boolean>,
    timeoutMs = 60_000,
  ): Promise<void> => {
    const deadline = performance.now() + timeoutMs;
    while (!(await condition())) {
      assert.ok(performance.now() < deadline, `never: ${what}`);
      await sleep(10);
    }
  };
  const address = async (name: string, netns = host.netns): Promise<string | undefined> => {
    try {
      return texts(await ask(netns, name, 1, { timeoutMs: 300 }))[0] ?? '';
    } catch {
      return undefined;
    }
  };

  before(() => {
    buildSync({
      entryPoints: [join(root, 'src/daemon/dns-main.ts')],
      outfile: program,
      bundle: true,
      platform: 'node',
      target: 'node20',
      format: 'esm',
      external: ['koffi'],
      banner: { js: "import { createRequire as __r } from 'node:module'; const require = __r(import.meta.url);" },
    });
  });

  after(async () => {
    const last = newLink();
    await last.start();
    await last.close({ quit: true });
    for (const link of links) await link.close();
    rmSync(program, { force: true });
    rmSync(execRoot, { recursive: true, force: true });
    host.destroy();
    other.destroy();
  });

  const link = newLink();
  let pid = 0;
  /** It may answer before it is known. A signal to 0 would go to this process and whoever started it. */
  const currentPid = async (): Promise<number> => {
    await until('one is known to run', () => link.pid !== 0);
    return link.pid;
  };

  test('is started and fed, and answers with the new data once apply resolves', async () => {
    await link.start();
    pid = await currentPid();
    await link.apply([
      { op: 'put-network', zone: zone('net', { db: ['172.18.0.2'], pool: ['172.18.0.2', '172.18.0.3'], asleep: [] }) },
      { op: 'put-sandbox', view: view('one', host.netns) },
      { op: 'put-sandbox', view: view('two', other.netns) },
    ]);
    assert.equal(await address('db'), '172.18.0.2');
    // In a session of its own, with the root as its directory: no terminal and no file system is held.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
    assert.equal(Number(fields[3]), pid);
  });

  test('one that ends as it starts is not waited for: another is started, and the log says what happened', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'causeway-dns-'));
    const attempts = join(directory, 'attempts');
    const failing = join(directory, 'dns.mjs');
    writeFileSync(
      failing,
      `import { appendFileSync, readFileSync } from 'node:fs';
      appendFileSync(${JSON.stringify(attempts)}, 'x');
      if (readFileSync(${JSON.stringify(attempts)}, 'utf8').length < 3) process.exit(1);
      await import(${JSON.stringify(program)});`,
    );
    const told: unknown[] = [];
    const log = { ...silentLog, error: (fields: object) => void told.push((fields as { error: string }).error) };
    const hasty = newLink({ program: failing, execRoot: directory, log });
    try {
      await hasty.start();
      assert.equal(readFileSync(attempts, 'utf8'), 'xxx');
      const said = `the resolver process ended at once: ${join(directory, 'dns.log')} says why`;
      assert.deepEqual(told, [said, said]);
      await hasty.close({ quit: true });
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });

  test('real clients: busybox at port 53', async () => {
    await link.apply([{ op: 'put-sandbox', view: view('one', host.netns, { port: 53, forward: false }) }]);
    assert.match(
      host.ok('busybox', 'nslookup', '-type=a', 'pool', '127.0.0.11'),
      /172\.18\.0\.[23]\n[^]*172\.18\.0\.[23]/,
    );
    assert.match(host.ok('busybox', 'nslookup', '-type=a', 'DB.NET', '127.0.0.11'), /Address: 172\.18\.0\.2/);
    assert.match(
      host.run('busybox', 'nslookup', 'asleep', '127.0.0.11').out,
      /No answer|^Non-authoritative answer:\s*$/m,
    );
    assert.match(host.run('busybox', 'nslookup', 'nobody', '127.0.0.11').out, /SERVFAIL/);
    await link.apply([{ op: 'put-sandbox', view: view('one', host.netns) }]);
  });

  test('dump and a followed query log', async () => {
    assert.equal((await link.dump({ network: 'net' })).sandboxes.length, 2);
    const events: QueryEvent[] = [];
    const stop = await link.followQueries('one', (event) => events.push(event));
    await address('pool');
    await until('the event', () => events.length === 1);
    assert.equal(events[0]!.name, 'pool');
    stop();
  });

  test('a container that asks without end takes no answer from its neighbours, of their names and of others', async (context) => {
    const server = new FakeServer(undefined, '127.0.0.1', ({ message }) => ({
      answers: [a(message.questions[0]!.name, '9.9.9.9')],
    }));
    const upstreams = [server.upstream('host')];
    await link.apply([
      { op: 'put-sandbox', view: view('one', host.netns, { upstreams }) },
      { op: 'put-sandbox', view: view('two', other.netns, { upstreams }) },
    ]);
    const asks = async (name: string): Promise<number> => {
      const tookMs: number[] = [];
      for (let index = 0; index < 50; index++) {
        const startedAt = performance.now();
        const answer = await ask(other.netns, name, 1, { timeoutMs: 30_000 });
        tookMs.push(performance.now() - startedAt);
        assert.deepEqual(texts(answer), [name === 'db' ? '172.18.0.2' : '9.9.9.9']);
      }
      return tookMs.sort((x, y) => x - y)[25]!;
    };
    const quiet = [await asks('db'), await asks('example.com')];
    for (const name of ['db', 'n*.example.com']) {
      const flood = spawn(process.execPath, ['--import', 'tsx', flooder, host.netns, String(PORT), '5000000', name], {
        env: testEnvironment(),
        stdio: 'inherit',
      });
      const ended = new Promise((resolve) => flood.once('exit', resolve));
      try {
        await until(
          'it floods',
          () => Number(/Udp: (\d+)/.exec(host.ok('grep', '^Udp: [0-9]', '/proc/net/snmp'))?.[1]) > 2000,
        );
        const flooded = [await asks('db'), await asks('example.com')];
        context.diagnostic(
          `a neighbour's median while ${name} is asked without end: own names ${quiet[0]!.toFixed(1)} -> ${flooded[0]!.toFixed(1)} ms, others ${quiet[1]!.toFixed(1)} -> ${flooded[1]!.toFixed(1)} ms`,
        );
      } finally {
        flood.kill('SIGKILL');
        await ended;
      }
    }
    server.close();
    await link.apply([
      { op: 'put-sandbox', view: view('one', host.netns) },
      { op: 'put-sandbox', view: view('two', other.netns) },
    ]);
  });

  test('a request that cannot be served gets an error', async () => {
    await assert.rejects(
      link.apply([{ op: 'put-sandbox', view: view('bad', '/run/netns/cwt-none') }]),
      /put-sandbox bad.*cwt-none/,
    );
    await link.apply([{ op: 'remove-sandbox', id: 'bad' }]);
  });

  test('kill -9: another one is there and knows everything in well under a second', async () => {
    const [tookMs, startsMs]: [number[], number[]] = [[], []];
    for (let round = 0; round < 3; round++) {
      const started = performance.now();
      spawnSync(process.execPath, ['-e', '0'], { env: testEnvironment() });
      startsMs.push(performance.now() - started);
      await sleep(1100); // a process that lives shorter is taken for one that crashes, after a while
      const before = await currentPid();
      process.kill(before, 'SIGKILL');
      const startedAt = performance.now();
      assert.deepEqual(texts(await ask(host.netns, 'db', 1, { timeoutMs: 30_000 })), ['172.18.0.2']);
      tookMs.push(Math.round(performance.now() - startedAt));
      assert.equal(await address('db', other.netns), '172.18.0.2');
      assert.notEqual(await currentPid(), before);
    }
    // The best of three, and where the machine is busy no more than a few starts of Node: that is most of it.
    const limitMs = Math.max(700, 8 * Math.max(...startsMs));
    assert.ok(Math.min(...tookMs) < limitMs, `${tookMs.join(', ')} ms, limit ${Math.round(limitMs)} ms`);
    pid = await currentPid();
  });

  test('kill -9 loses no query: they wait in sockets that the daemon has too', async () => {
    for (let round = 0; round < 2; round++) {
      const killed = await currentPid();
      // So that none is in its hands: what it has read and not answered goes with it.
      process.kill(killed, 'SIGSTOP');
      await until('it stands still', () => processState(killed) === 'T');
      const asked = Array.from({ length: 50 }, () => ask(host.netns, 'db', 1, { timeoutMs: 30_000 }));
      await sleep(50);
      process.kill(killed, 'SIGKILL');
      for (const answer of await Promise.all(asked)) assert.deepEqual(texts(answer), ['172.18.0.2']);
      await until('another one', () => link.pid !== 0 && link.pid !== killed);
      await sleep(1300); // beyond which a death is not taken for a crash loop
    }
  });

  test('kill -9 under traffic: no more is lost than what it was answering, and nothing of it again', async () => {
    let running = true;
    let asked = 0;
    let lost = 0;
    const asking = async (): Promise<string[]> => texts(await ask(host.netns, 'db', 1, { timeoutMs: 10_000 }));
    const clients = Array.from({ length: 4 }, async () => {
      while (running) {
        // As C libraries do: an answer that stays out is asked for once more.
        const answer = await asking().catch(() => (lost++, asking()));
        assert.deepEqual(answer, ['172.18.0.2']);
        asked += 1;
        await sleep(1);
      }
    });
    for (let round = 0; round < 2; round++) {
      await sleep(200);
      const killed = await currentPid();
      process.kill(killed, 'SIGKILL');
      await until('another one', () => link.pid !== 0 && link.pid !== killed);
    }
    await sleep(1300); // beyond which a death is not taken for a crash loop
    running = false;
    await Promise.all(clients);
    assert.ok(asked > 100, `${asked} queries`);
    assert.ok(lost <= 2 * clients.length, `${lost} lost`);
  });

  test("the daemon's copies of the sockets go with the container", async () => {
    const third = Host.create();
    await link.apply([{ op: 'put-sandbox', view: view('three', third.netns) }]);
    assert.equal(await address('db', third.netns), '172.18.0.2');
    host.ok('ip', 'link', 'add', 'witness', 'type', 'veth', 'peer', 'name', 'inside', 'netns', third.name);
    await link.apply([{ op: 'remove-sandbox', id: 'three' }]);
    third.destroy();
    await until('the namespace goes', () => host.run('ip', 'link', 'show', 'witness').code !== 0);
  });

  test('a change made while there is no resolver is in force when apply resolves', async () => {
    process.kill(await currentPid(), 'SIGKILL');
    await link.apply([{ op: 'put-network', zone: zone('net', { db: ['172.18.0.9'] }) }]);
    assert.equal(await address('db'), '172.18.0.9');
    process.kill(await currentPid(), 'SIGKILL');
    await assert.rejects(link.apply([{ op: 'put-sandbox', view: view('bad', '/run/netns/cwt-none') }]), /cwt-none/);
    await link.apply([{ op: 'remove-sandbox', id: 'bad' }]);
    pid = await currentPid();
  });

  test('one that hangs is replaced', async () => {
    await link.close();
    const impatient = newLink({ answerTimeoutMs: 500 });
    await impatient.start();
    await impatient.apply([
      { op: 'put-network', zone: zone('net', { db: ['172.18.0.2'] }) },
      { op: 'put-sandbox', view: view('one', host.netns) },
    ]);
    const hung = impatient.pid;
    process.kill(hung, 'SIGSTOP');
    await impatient.apply([{ op: 'put-network', zone: zone('net', { db: ['172.18.0.3'] }) }]);
    assert.equal(await address('db'), '172.18.0.3');
    assert.notEqual(impatient.pid, hung);
    await until('the hung one is gone', () => !alive(hung));
    pid = impatient.pid;
    await impatient.close();
  });

  test('it outlives daemons: the next daemon adopts it, adds to it, and drops stale data once restored', async () => {
    assert.equal(await address('db'), '172.18.0.3');
    const next = newLink();
    await next.start();
    assert.equal(next.pid, pid);
    await next.apply([{ op: 'put-network', zone: zone('net', { web: ['172.18.0.4'] }) }]);
    await next.apply([{ op: 'put-sandbox', view: view('two', other.netns) }]);
    assert.equal(await address('web'), '172.18.0.4'); // "one" was not mentioned yet, and is served
    await next.settle();
    assert.equal(await address('web'), undefined);
    assert.equal(await address('web', other.netns), '172.18.0.4');
    await next.close();
    assert.ok(alive(pid));
  });

  test('kill -9 of a daemon and everything in its process group does not reach it', async () => {
    const script = `
      const { ResolverProcess } = await import(${JSON.stringify(join(root, 'src/daemon/resolver-process.ts'))});
      const { silentLog } = await import(${JSON.stringify(join(root, 'src/base/log.ts'))});
      const link = new ResolverProcess({ program: ${JSON.stringify(program)}, execRoot: ${JSON.stringify(execRoot)}, log: silentLog });
      await link.start();
      const killed = link.pid;
      process.kill(killed, 'SIGKILL'); // so that the next is this process's own child
      while (link.pid === 0 || link.pid === killed) await new Promise((resolve) => setTimeout(resolve, 5));
      await link.apply([{ op: 'put-network', zone: { id: 'net', name: 'net', ttlS: 5, names: { db: { a: ['172.18.0.7'], aaaa: [] } }, ptr: {} } },
        { op: 'put-sandbox', view: ${JSON.stringify(view('one', host.netns))} }]);
      console.log(link.pid);
      setInterval(() => {}, 1000);`;
    const daemon = spawn(
      process.execPath,
      ['--import', import.meta.resolve('tsx'), '--input-type=module', '-e', script],
      {
        detached: true,
        env: testEnvironment(),
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    const line = await new Promise<string>((resolve) =>
      daemon.stdout!.once('data', (chunk: Buffer) => resolve(chunk.toString())),
    );
    process.kill(-daemon.pid!, 'SIGKILL');
    await new Promise((resolve) => daemon.once('exit', resolve));
    for (let index = 0; index < 20; index++) assert.equal(await address('db'), '172.18.0.7');
    assert.ok(alive(Number(line)));
    pid = Number(line);
  });

  test('an upgrade loses no query: the new process goes on with the sockets of the old', async () => {
    const inside = new FakeServer(host.netns, '127.0.0.1', ({ message }) => ({
      answers: [a(message.questions[0]!.name, '9.9.9.9')],
    }));
    const old = newLink();
    await old.start();
    await old.apply([
      { op: 'put-sandbox', view: view('one', host.netns, { upstreams: [inside.upstream('container')] }) },
    ]);
    const tcp = await connectTcp(host.netns);
    await old.close();
    let running = true;
    let asked = 0;
    const clients = Array.from({ length: 8 }, async (_, index) => {
      while (running) {
        const known = (asked++ + index) % 3 > 0;
        const answer = await ask(host.netns, known ? 'db' : 'example.com', 1, { timeoutMs: 30_000 });
        assert.deepEqual(texts(answer), [known ? '172.18.0.7' : '9.9.9.9']);
      }
    });
    await until('the clients are at work', () => asked > 50);
    const upgraded = newLink({ version: 'next' });
    await upgraded.start();
    assert.notEqual(upgraded.pid, pid);
    tcp.socket.write(TcpClient.frame(encodeMessage(question(1, 'db', 1))));
    const before = asked;
    await until('they go on', () => asked > before + 50);
    running = false;
    await Promise.all(clients);
    await until('the old one ends', () => !alive(pid));
    // Its clients over TCP were told to come again, and find the new one.
    await until('closed', () => tcp.closed);
    const again = await connectTcp(host.netns);
    again.socket.write(TcpClient.frame(encodeMessage(question(2, 'db', 1))));
    assert.deepEqual(texts((await again.waitFor(1))[0]!), ['172.18.0.7']);
    again.socket.destroy();
    await upgraded.apply([{ op: 'put-network', zone: zone('net', { db: ['172.18.0.8'] }) }]);
    assert.equal(await address('db'), '172.18.0.8');
    inside.close();
    pid = upgraded.pid;
    await upgraded.close();
    const same = newLink({ version: 'next' });
    await same.start();
    assert.equal(same.pid, pid);
    await same.close();
  });

  test('an upgrade that fails leaves the old one serving', async () => {
    const broken = newLink({ version: 'broken', program: join(root, 'no-such-program.mjs') });
    await broken.start();
    assert.equal(broken.pid, pid);
    assert.equal(await address('db'), '172.18.0.8');
    await broken.close();
  });

  test('quit ends it, and it is gone when close resolves', async () => {
    const last = newLink();
    await last.start();
    assert.equal(last.pid, pid);
    await last.close({ quit: true });
    await until('ends', () => !alive(pid));
    assert.equal(await address('db'), undefined);
    assert.deepEqual(readdirSync(execRoot), []);
    await assert.rejects(last.apply([{ op: 'remove-network', id: 'net' }]), /shut down/);
  });

  test('without containers and daemon it ends by itself; with a container it stays', async (t) => {
    const brief = newLink({ idleMs: 1000 });
    await brief.start();
    const idle = brief.pid;
    // Another one that has neither ends meanwhile, and is idle for a shorter time than this one.
    const otherEnds = async (): Promise<void> => {
      const other = newLink({ idleMs: 1000, execRoot: otherRoot });
      await other.start();
      const { pid: otherPid } = other;
      await other.close();
      await until('the other one ends by itself', () => !alive(otherPid));
    };
    const otherRoot = mkdtempSync(join(tmpdir(), 'causeway-dns-idle-'));
    t.after(() => rmSync(otherRoot, { recursive: true }));
    await otherEnds();
    assert.ok(alive(idle)); // a daemon is there
    await brief.apply([{ op: 'put-sandbox', view: view('one', host.netns) }]);
    await brief.close();
    await otherEnds();
    assert.ok(alive(idle)); // a container is there
    const again = newLink();
    await again.start();
    await again.apply([{ op: 'remove-sandbox', id: 'one' }]);
    await again.close();
    await until('ends by itself', () => !alive(idle));
  });

  test('it ends when its socket is removed, since no daemon could find it again', async () => {
    const lost = newLink({ idleMs: 1000 });
    await lost.start();
    await lost.apply([{ op: 'put-sandbox', view: view('one', host.netns) }]);
    const orphan = lost.pid;
    await lost.close();
    rmSync(join(execRoot, 'dns.sock'));
    await until('ends', () => !alive(orphan));
  });
});
