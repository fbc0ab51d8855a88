/** What the tests of images share: a store in a directory of its own, small trees, tars of them, a registry. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { silentLog } from '../../src/base/log.ts';
import { ImageStore } from '../../src/image/image-store.ts';
import { RootfsStore } from '../../src/image/rootfs.ts';

/** A directory that is gone when the test is over, with whatever is mounted in it. */
export function temporaryDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'causeway-image-'));
  t.after(() => {
    const targets = readFileSync('/proc/self/mounts', 'utf8')
      .split('\n')
      .map((line) => line.split(' ')[1] ?? '');
    for (const target of targets.filter((path) => path.startsWith(directory)).reverse())
      execFileSync('umount', ['-l', target]);
    rmSync(directory, { recursive: true, force: true });
  });
  return directory;
}

const opened = new Map<string, ImageStore>();

/** Opens a store as a new process would; an earlier instance of the same directory is closed. */
export async function openStore(root: string): Promise<{ images: ImageStore; rootfs: RootfsStore }> {
  opened.get(root)?.close();
  const images = await ImageStore.open(root, { log: silentLog });
  opened.set(root, images);
  return { images, rootfs: RootfsStore.open(root, images, { log: silentLog }) };
}

export function shell(script: string, cwd: string): string {
  return execFileSync('sh', ['-ec', script], { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** A tar of the tree that a script makes in an empty directory. */
export function tarOf(script: string, directory: string): Buffer {
  const tree = mkdtempSync(join(directory, 'tree-'));
  try {
    shell(script, tree);
    return execFileSync('tar', ['--xattrs', '--xattrs-include=*', '--format=pax', '-C', tree, '-c', '.'], {
      maxBuffer: 1 << 28,
    });
  } finally {
    rmSync(tree, { recursive: true, force: true });
  }
}

export const BUSYBOX_TREE =
  'mkdir -p bin etc tmp; cp /usr/bin/busybox bin/; ln -s busybox bin/sh; echo root:x:0:0:root:/:/bin/sh > etc/passwd';

export async function importTree(
  images: ImageStore,
  directory: string,
  ref: string,
  script: string,
  changes: string[] = [],
): Promise<string> {
  return await images.importTar(Readable.from([tarOf(script, directory)]), { ref, message: '', changes, platform: '' });
}

export async function bytes(stream: Readable): Promise<Buffer> {
  return await buffer(stream);
}

/** Every file of the store that stays: to see that nothing was left behind. */
export function listing(root: string): string[] {
  return shell('find blobs layers ingest unpack init containers -maxdepth 2 2>/dev/null || true', root)
    .split('\n')
    .filter(Boolean)
    .sort();
}

export interface TestRegistry {
  readonly address: string; // '127.0.0.1:41234'
  readonly storage: string;
}

/** Debian's docker-registry on this machine's loopback; with a password file if there is a login. */
export async function startRegistry(
  t: TestContext,
  directory: string,
  login?: { username: string; password: string },
): Promise<TestRegistry> {
  const home = mkdtempSync(join(directory, 'registry-'));
  const port = await freePort();
  const storage = join(home, 'storage');
  mkdirSync(storage);
  let auth = '';
  if (login) {
    writeFileSync(join(home, 'htpasswd'), execFileSync('htpasswd', ['-Bbn', login.username, login.password]));
    auth = `auth:\n  htpasswd:\n    realm: test\n    path: ${join(home, 'htpasswd')}\n`;
  }
  const config = `version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: ${storage}\nhttp:\n  addr: 127.0.0.1:${port}\n${auth}`;
  writeFileSync(join(home, 'config.yml'), config);
  const child: ChildProcess = spawn('docker-registry', ['serve', join(home, 'config.yml')], { stdio: 'ignore' });
  t.after(async () => {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null)
      await new Promise((resolve) => child.once('exit', resolve));
  });
  for (let i = 0; ; i++) {
    try {
      await fetch(`http://127.0.0.1:${port}/v2/`);
      return { address: `127.0.0.1:${port}`, storage };
    } catch (error) {
      if (i === 100) throw error;
      await sleep(50);
    }
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Tries until it holds: for what is deleted in the background. */
export async function eventually(check: () => void, timeoutMs = 60_000): Promise<void> {
  for (const until = Date.now() + timeoutMs; ; await sleep(20)) {
    try {
      check();
      return;
    } catch (error) {
      if (Date.now() > until) throw error;
    }
  }
}
