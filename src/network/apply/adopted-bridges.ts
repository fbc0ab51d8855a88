/**
 * Bridges that were made outside the engine and that a network uses. The engine sets only what it needs there, and
 * first writes down what it is about to set and what was there before, so that all of it can be reverted by the next
 * daemon or by the uninstaller (scripts/uninstall.sh reads the file). The MTU, IPv6 and addresses of others are never
 * touched.
 */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { errorCode, errorMessage, forbidden, throwCollected } from '../../base/errors.ts';
import { syncDirectory } from '../../base/sync-directories.ts';
import type { Log } from '../../base/log.ts';
import { isKernelError } from '../../kernel/errors.ts';
import type { LinkInfo, RouteSocket } from '../../kernel/netlink/route-socket.ts';
import { readSysctl, writeSysctl } from '../../kernel/sysctl.ts';

/** What a network needs of a bridge. */
export interface BridgeNeeds {
  readonly link: string;
  readonly sysctls: readonly { readonly name: string; readonly value: string }[];
  readonly filterBridged: boolean;
  readonly addresses: readonly string[]; // with their prefixes
}

/** One thing that was set: a line of the file, whose fields have no spaces in them. */
interface Note {
  readonly link: string;
  /** Of the bridge: another one with the same name, e.g. after a reboot, has nothing from the engine. */
  readonly identity: string;
  readonly kind: 'sysctl' | 'address' | 'bridged' | 'up';
  readonly what: string;
  readonly value: string;
  readonly before: string;
}

const NOTHING = '-';

export class AdoptedBridges {
  readonly #file: string;
  readonly #log: Log;
  #notes: readonly Note[];

  constructor(file: string, log: Log) {
    this.#file = file;
    this.#log = log;
    this.#notes = this.#read();
  }

  /** Bridges on which the engine has set something. */
  get links(): string[] {
    return [...new Set(this.#notes.map((note) => note.link))];
  }

  /** The engine's addresses on a bridge. */
  addressesOf(link: string): string[] {
    return this.#notes.filter((note) => note.link === link && note.kind === 'address').map((note) => note.what);
  }

  /** Repeatable. Returns how to take back what was not there before, or undefined where nothing was missing. */
  adopt(route: RouteSocket, needs: BridgeNeeds): (() => void) | undefined {
    const bridge = route.link(needs.link);
    if (!bridge) return undefined; // it went this very moment, which the repairer hears of
    const identity = identityOf(bridge);
    const kept = this.#notes.filter((note) => note.link !== needs.link || note.identity === identity);
    const added = missing(route, bridge, needs);
    // For what is set again after another program reverted it, the original value counts.
    const isNoted = (note: Note) =>
      kept.some((one) => one.link === note.link && one.kind === note.kind && one.what === note.what);
    this.#write([...kept, ...added.filter((note) => !isNoted(note))]);
    const takeBack = () => this.#takeBack(route, added);
    try {
      for (const note of added) set(route, note);
    } catch (error) {
      takeBack();
      throw error;
    }
    return added.length > 0 ? takeBack : undefined;
  }

  /** Takes everything back that was set on a bridge; what fails stays noted. */
  release(route: RouteSocket, link: string): void {
    this.#takeBack(
      route,
      this.#notes.filter((note) => note.link === link),
    );
  }

  #takeBack(route: RouteSocket, notes: readonly Note[]): void {
    if (notes.length === 0) return;
    const failed: Note[] = [];
    const errors: unknown[] = [];
    for (const note of notes.toReversed()) {
      try {
        const bridge = route.link(note.link);
        if (bridge && identityOf(bridge) === note.identity) unset(route, bridge, note);
      } catch (error) {
        failed.push(note);
        errors.push(error);
      }
    }
    const isDone = (note: Note) => notes.some((one) => isSame(one, note)) && !failed.some((one) => isSame(one, note));
    this.#write(this.#notes.filter((note) => !isDone(note)));
    throwCollected('taking back what was set on a bridge', errors);
  }

  #read(): Note[] {
    try {
      return readFileSync(this.#file, 'utf8')
        .split('\n')
        .flatMap((line): Note[] => {
          const [link, identity, kind, what, value, before, ...more] = line.split(' ');
          if (
            link === undefined ||
            identity === undefined ||
            !isKind(kind) ||
            what === undefined ||
            value === undefined ||
            before === undefined ||
            more.length > 0
          )
            return [];
          return [{ link, identity, kind, what, value, before }];
        });
    } catch (error) {
      if (errorCode(error) !== 'ENOENT')
        this.#log.warn(
          { file: this.#file, error: errorMessage(error) },
          "what was set on bridges that are not the engine's cannot be read: it may stay there",
        );
      return [];
    }
  }

  /** Durable: nothing is set that could not be taken back after a crash. */
  #write(notes: readonly Note[]): void {
    const text = textOf(notes);
    if (text === textOf(this.#notes)) return;
    if (notes.length === 0) rmSync(this.#file, { force: true });
    else {
      const fd = openSync(`${this.#file}.new`, 'w', 0o600);
      try {
        writeSync(fd, text);
        fsyncSync(fd);
      } finally {
        closeSync(fd);
      }
      renameSync(`${this.#file}.new`, this.#file);
      syncDirectory(dirname(this.#file));
    }
    this.#notes = notes;
  }
}

const textOf = (notes: readonly Note[]): string =>
  notes
    .map(
      ({ link, identity, kind, what, value, before }) => `${[link, identity, kind, what, value, before].join(' ')}\n`,
    )
    .join('');
const isKind = (text: string | undefined): text is Note['kind'] =>
  text === 'sysctl' || text === 'address' || text === 'bridged' || text === 'up';
const isSame = (a: Note, b: Note): boolean => a.link === b.link && a.kind === b.kind && a.what === b.what;
const identityOf = (bridge: LinkInfo): string => `${readSysctl('kernel.random.boot_id')}.${bridge.index}`;

/** What is not yet as it is needed. */
function missing(route: RouteSocket, bridge: LinkInfo, needs: BridgeNeeds): Note[] {
  const about = { link: needs.link, identity: identityOf(bridge) };
  const notes: Note[] = [];
  for (const { name, value } of needs.sysctls) {
    const before = readIfThere(name);
    if (before !== undefined && before !== value) notes.push({ ...about, kind: 'sysctl', what: name, value, before });
  }
  if (needs.filterBridged && !bridge.callIptables)
    notes.push({ ...about, kind: 'bridged', what: NOTHING, value: '1', before: '0' });
  const present = new Set(route.addresses(needs.link).map((info) => `${info.address}/${info.prefix}`));
  for (const address of needs.addresses)
    if (!present.has(address))
      notes.push({ ...about, kind: 'address', what: address, value: NOTHING, before: NOTHING });
  if (!bridge.up) notes.push({ ...about, kind: 'up', what: NOTHING, value: '1', before: '0' });
  return notes;
}

/** A kernel without it: the network works without, too. */
function readIfThere(name: string): string | undefined {
  try {
    return readSysctl(name);
  } catch (error) {
    if (!isKernelError(error, 'ENOENT', 'EACCES')) throw error;
    return undefined;
  }
}

function set(route: RouteSocket, { link, kind, what, value }: Note): void {
  if (kind === 'sysctl') writeIfAllowed(what, value);
  if (kind === 'bridged') route.setLink(link, { callIptables: true });
  if (kind === 'up') route.setLink(link, { up: true });
  if (kind === 'address') addAddress(route, link, what);
}

function writeIfAllowed(name: string, value: string): void {
  try {
    writeSysctl(name, value);
  } catch (error) {
    if (!isKernelError(error, 'EROFS', 'EACCES')) throw error;
  }
}

function addAddress(route: RouteSocket, link: string, address: string): void {
  try {
    route.addAddress(link, address, { noDad: true });
  } catch (error) {
    if (!isKernelError(error, 'EACCES')) throw error;
    throw forbidden(
      `bridge ${link} can have no IPv6 address: IPv6 is turned off on it (net.ipv6.conf.${link}.disable_ipv6=1), and the daemon does not change bridges that it did not make: turn it on, or do without --ipv6`,
    );
  }
}

/** Only what is still as it was set. */
function unset(route: RouteSocket, bridge: LinkInfo, { link, kind, what, value, before }: Note): void {
  if (kind === 'sysctl' && readSysctl(what) === value) writeSysctl(what, before);
  if (kind === 'bridged') route.setLink(link, { callIptables: false });
  // A bridge that has ports by now is in use.
  if (kind === 'up' && !route.links().some((port) => port.masterIndex === bridge.index))
    route.setLink(link, { up: false });
  if (kind === 'address') deleteAddress(route, link, what);
}

/** Alone: with the first address of a subnet the kernel removes all others of it, unless it is told to promote one. */
function deleteAddress(route: RouteSocket, link: string, address: string): void {
  const name = `net/ipv4/conf/${link}/promote_secondaries`;
  const before = address.includes(':') ? undefined : readSysctl(name);
  if (before === '0') writeSysctl(name, '1');
  try {
    route.deleteAddress(link, address);
  } catch (error) {
    if (!isKernelError(error, 'EADDRNOTAVAIL')) throw error;
  } finally {
    if (before === '0') writeSysctl(name, before);
  }
}
