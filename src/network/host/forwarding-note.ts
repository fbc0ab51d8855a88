/**
 * That it was the engine that turned forwarding on, and what was there then: on the disk before the kernel is told, so
 * that neither a crash nor the loss of its table makes a router of the host. Forwarding does not outlive a reboot, and
 * is a network namespace's own: the note counts in the one that it names.
 *
 * Lines of text, because scripts/uninstall.sh reads them too: the kernel allows no spaces in names of interfaces.
 */
import { closeSync, fsyncSync, openSync, readFileSync, readlinkSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { errorCode, errorMessage } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { ClosedHost, FirewallPolicy } from '../plan/firewall-facts.ts';

export type Closed = FirewallPolicy['closed'];

const NOTHING: ClosedHost = { earlier: [], routers: [] };

/** This boot's, of the namespace that the process is in. */
function thisHost(): string {
  return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()} ${readlinkSync('/proc/thread-self/ns/net')}`;
}

/**
 * `listeners6`: interfaces that got their IPv6 routes from advertisements, which a router only accepts when told to.
 */
export interface ForwardingNote {
  readonly closed: Closed;
  readonly listeners6: readonly string[];
}

export class ForwardingNoteFile {
  readonly #file: string;
  readonly #log: Log;

  constructor(file: string, log: Log) {
    this.#file = file;
    this.#log = log;
  }

  read(): ForwardingNote {
    try {
      return parseNote(readFileSync(this.#file, 'utf8'), thisHost());
    } catch (error) {
      if (errorCode(error) !== 'ENOENT')
        this.#log.warn(
          { file: this.#file, error: errorMessage(error) },
          'whether it was the daemon that turned IP forwarding on cannot be read: if it was, and the firewall table is gone, others are forwarded too',
        );
      return { closed: {}, listeners6: [] };
    }
  }

  /** What cannot be kept now is still in the engine's table. */
  write(note: ForwardingNote): void {
    try {
      const fd = openSync(`${this.#file}.new`, 'w', 0o600);
      try {
        writeSync(fd, renderNote(note, thisHost()));
        fsyncSync(fd);
      } finally {
        closeSync(fd);
      }
      renameSync(`${this.#file}.new`, this.#file);
      syncDirectory(dirname(this.#file));
    } catch (error) {
      this.#log.warn(
        { file: this.#file, error: errorMessage(error) },
        'that it is the daemon that turns IP forwarding on cannot be kept: only the firewall table knows of it',
      );
    }
  }
}

function syncDirectory(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

export function renderNote({ closed, listeners6 }: ForwardingNote, host: string): string {
  const families = ([4, 6] as const).flatMap((version) => {
    const one = closed[version];
    if (!one) return [];
    return [
      `ipv${version}`,
      ...one.earlier.map((name) => `earlier${version} ${name}`),
      ...one.routers.map((name) => `router${version} ${name}`),
    ];
  });
  return [`host ${host}`, ...families, ...listeners6.map((name) => `listener6 ${name}`), ''].join('\n');
}

export function parseNote(text: string, host: string): ForwardingNote {
  const closed: Record<4 | 6, ClosedHost | undefined> = { 4: undefined, 6: undefined };
  const listeners6: string[] = [];
  const [first, ...lines] = text.split('\n');
  if (first !== `host ${host}`) return { closed: {}, listeners6 };
  for (const line of lines) {
    const [, what = '', family = '', name = ''] =
      /^(ipv|earlier|router|listener)([46])(?: ([^\n]+))?$/.exec(line) ?? [];
    const version = family === '6' ? 6 : 4;
    if (what === 'ipv') closed[version] ??= NOTHING;
    const known = closed[version] ?? NOTHING;
    if (what === 'earlier') closed[version] = { ...known, earlier: [...known.earlier, name] };
    if (what === 'router') closed[version] = { ...known, routers: [...known.routers, name] };
    if (what === 'listener') listeners6.push(name);
  }
  return { closed: { ...(closed[4] && { 4: closed[4] }), ...(closed[6] && { 6: closed[6] }) }, listeners6 };
}

/** Both of what is known from two sources. */
export function joinClosed(one: Closed, other: Closed): Closed {
  const joined = (version: 4 | 6): ClosedHost | undefined => {
    const [a, b] = [one[version], other[version]];
    if (!a || !b) return a ?? b;
    return { earlier: [...new Set([...a.earlier, ...b.earlier])], routers: [...new Set([...a.routers, ...b.routers])] };
  };
  const [v4, v6] = [joined(4), joined(6)];
  return { ...(v4 && { 4: v4 }), ...(v6 && { 6: v6 }) };
}
