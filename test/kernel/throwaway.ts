/**
 * Throwaway namespaces and directories for kernel tests, and the tools that say independently what the kernel holds.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { createNetns, deleteNetns } from '../../src/kernel/netns.ts';
import { mountPoints, unmount } from '../../src/kernel/mount.ts';
import { RouteSocket } from '../../src/kernel/netlink/route-socket.ts';

/** A directory that is gone after the file's tests, with whatever is still mounted below it. */
export function throwawayDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'cwt-'));
  after(() => {
    const below = mountPoints().filter(({ target }) => target === directory || target.startsWith(`${directory}/`));
    for (const { target } of below.reverse()) unmount(target, { detach: true });
    rmSync(directory, { recursive: true, force: true });
  });
  return directory;
}

let count = 0;

/** A namespace with its loopback up; deleted after the file's tests. */
export function throwawayNetns(directory: string): string {
  const path = join(directory, `ns${count++}`);
  createNetns(path);
  after(() => deleteNetns(path));
  const routes = RouteSocket.open(path);
  routes.setLink('lo', { up: true });
  routes.close();
  return path;
}

/** What a program prints inside a namespace: entered by nsenter, not by the code under test. */
export function run(netns: string, ...command: string[]): string {
  return execFileSync('nsenter', [`--net=${netns}`, ...command], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** `ip -j -d ...` parsed. */
// oxlint-disable-next-line typescript/no-explicit-any
export function ip(netns: string, ...args: string[]): any {
  const text = run(netns, 'ip', '-j', '-d', ...args);
  return text.trim() === '' ? [] : JSON.parse(text);
}

/** The objects that `nft -j ...` lists, without the metainfo. */
// oxlint-disable-next-line typescript/no-explicit-any
export function nft(netns: string, ...args: string[]): any[] {
  const text = run(netns, 'nft', '-j', ...args);
  return (JSON.parse(text) as { nftables: Record<string, unknown>[] }).nftables.filter((item) => !('metainfo' in item));
}

/** Resolves when `probe` gives something; rejects after `timeoutMs`. */
export async function eventually<T>(probe: () => T | undefined | false, timeoutMs = 60_000): Promise<T> {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const value = probe();
    if (value !== undefined && value !== false) return value;
    if (Date.now() > end) throw new Error('it did not happen in time');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
