/**
 * The demo: both walk-throughs with real programs, on an engine in a sandbox that leaves nothing behind.
 *
 *   npm run demo                     CAUSEWAY_DEMO_CACHE=DIR keeps the images there instead of .cache/images
 *
 * Exit code: 0 if everything was as expected, 1 if not, 130 after Ctrl-C.
 */
import { type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { playBeyond, playCleanUp } from './beyond.ts';
import { prepareImages, PROJECT, writeImageArchive, type DemoImages } from './images.ts';
import { collect, Sandbox } from './sandbox.ts';
import { Interrupted, Stage } from './stage.ts';
import { playLinks } from './walkthrough-links.ts';
import { playNetworks } from './walkthrough-networks.ts';

const startedMs = Date.now();
let interruptedBy: NodeJS.Signals | undefined;
let building: ChildProcess | undefined;
let sandbox: Sandbox | undefined;
let stage: Stage | undefined;

// Ending the sandbox ends whatever we wait for; the rest follows from that.
function interrupt(signal: NodeJS.Signals): void {
  if (interruptedBy !== undefined) return;
  interruptedBy = signal;
  process.stderr.write('\ninterrupted: cleaning up\n');
  stage?.end();
  if (building?.pid !== undefined && building.exitCode === null) process.kill(-building.pid, 'SIGTERM');
  void sandbox?.destroy();
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, interrupt);
// Whoever read our output has gone (`| head`): the same as an interruption.
process.stdout.on('error', () => interrupt('SIGHUP'));
// A fault of our own must not keep us from clearing away either.
process.on('uncaughtException', (error) => {
  process.stderr.write(`demo: ${error.stack ?? String(error)}\n`);
  interrupt('SIGABRT');
});

async function main(): Promise<number> {
  try {
    const preparing = prepareImages(
      process.env['CAUSEWAY_DEMO_CACHE'] ?? join(PROJECT, '.cache/images'),
      (child) => (building = child),
    );
    preparing.catch(() => undefined);
    sandbox = await Sandbox.create({ purpose: 'demo', files: availableMemoryBytes() > 2 ** 31 ? 'memory' : 'disk' });
    if (interruptedBy) throw new Interrupted();
    stage = new Stage(sandbox);
    stage.note(
      'Causeway runs here in a sandbox: a network, a mount and a process namespace of its own. This machine keeps its network as it is.\n' +
        'The images are made from Debian packages: a real PostgreSQL, nginx and a Python application.',
    );
    const where = sandbox;
    let daemon = await startDaemon(where);
    const images = await preparing;
    building = undefined;
    stage.note('Loading them ...');
    await loadImages(where, images);
    await playLinks(stage, images.postgresVersion);
    await playNetworks(stage);
    await playBeyond(stage, async () => void (daemon = await startDaemon(where)));
    await playCleanUp(stage);
    await stopDaemon(where, daemon);
    return stage.summary((Date.now() - startedMs) / 1000) ? 0 : 1;
  } catch (error) {
    if (interruptedBy === undefined && !(error instanceof Interrupted)) {
      process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n`);
      stage?.summary((Date.now() - startedMs) / 1000);
    }
    return 1;
  } finally {
    await sandbox?.destroy();
  }
}

/** The images take 300 MB; the archive that brings them in takes as much for a moment. */
function availableMemoryBytes(): number {
  return Number(/^MemAvailable:\s+(\d+)/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1] ?? 0) * 1024;
}

async function startDaemon(where: Sandbox): Promise<ChildProcess> {
  const log = join(where.dir, 'daemon.log');
  const command = `exec '${PROJECT}/causeway' daemon --data-root '${where.dir}/data' --cgroup-parent /${where.id} --default-bridge-name docker0 >>'${log}' 2>&1`;
  const daemon = where.spawn('sh', ['-c', command]);
  for (const end = Date.now() + 20_000; ;) {
    // The socket's file may be there before anybody listens.
    const answer = await where.run('curl', [
      '-s',
      '--unix-socket',
      '/run/causeway/causeway.sock',
      'http://localhost/_ping',
    ]);
    if (answer.out === 'OK') return daemon;
    if (interruptedBy) throw new Interrupted();
    if (daemon.exitCode !== null || Date.now() > end)
      throw new Error(`the engine did not start:\n${(await where.run('tail', ['-n', '20', log])).both}`);
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
}

async function loadImages(where: Sandbox, images: DemoImages): Promise<void> {
  const load = where.spawn(join(PROJECT, 'causeway'), ['load', '-q'], ['pipe', 'pipe', 'pipe']);
  const done = collect(load, { keepInput: true });
  // An engine that refuses closes the pipe; what it said is the better message.
  await writeImageArchive(images, load.stdin!).catch(() => undefined);
  const result = await done;
  if (interruptedBy) throw new Interrupted();
  if (result.code !== 0) throw new Error(`the images could not be loaded: ${result.both}`);
}

async function stopDaemon(where: Sandbox, daemon: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => daemon.once('exit', resolve));
  where.signal(daemon, 'SIGTERM');
  await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 10_000).unref())]);
}

const code = await main();
// What was asked for from outside is told to whoever asked, in the shell's way.
process.exitCode = interruptedBy ? 128 + constants.signals[interruptedBy] : code;
