/**
 * Making files in a directory that is held by a descriptor, where another process may be at work: every name is one
 * component, what is made is created afresh (never through a link or over something), and owner, mode, attributes and
 * times go to the very file that was made. Names are latin1 strings, a character a byte.
 */
import { chmodSync, fstatSync } from 'node:fs';
import { O_CLOEXEC, O_DIRECTORY, O_NOFOLLOW, O_PATH } from './descriptors.ts';
import { check, errnoNumber, KernelError } from './errors.ts';
import {
  errnoOfLastCall,
  fchmod,
  fchown,
  fchownat,
  fsetxattr,
  futimens,
  linkat,
  lsetxattr,
  mkdirat,
  mknodat,
  openatBytes,
  symlinkat,
  utimensat,
} from './ffi.ts';
import { nameBuffer } from './root-path.ts';

const O_WRONLY = 1;
const O_CREAT = 0o100;
const O_EXCL = 0o200;
const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_EMPTY_PATH = 0x1000;
const S_IFIFO = 0o010000;
const S_IFCHR = 0o020000;
const S_IFBLK = 0o060000;
const NOTHING = Buffer.from('\0');

/** A new regular file, open for writing. KernelError EEXIST if there is something. */
export function createFile(directory: number, name: string): number {
  return check(
    openatBytes(directory, nameBuffer(name), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600),
    'open',
  );
}

/** A new directory, or the one that is there; for reading. KernelError ENOTDIR if something else is. */
export function makeOrOpenDirectory(directory: number, name: string, mode: number): number {
  const made = mkdirat(directory, nameBuffer(name), mode);
  if (made < 0 && errnoOfLastCall() !== errnoNumber('EEXIST')) throw new KernelError('mkdir', errnoOfLastCall());
  return check(openatBytes(directory, nameBuffer(name), O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0), 'open');
}

export function makeDirectory(directory: number, name: string, mode: number): void {
  check(mkdirat(directory, nameBuffer(name), mode), 'mkdir');
}

export function makeSymlink(target: string, directory: number, name: string): void {
  check(symlinkat(nameBuffer(target), directory, nameBuffer(name)), 'symlink');
}

/** The file itself, if it is a symbolic link. */
export function makeHardLink(fromDirectory: number, fromName: string, directory: number, name: string): void {
  check(linkat(fromDirectory, nameBuffer(fromName), directory, nameBuffer(name), 0), 'link');
}

export function makeNode(
  directory: number,
  name: string,
  kind: 'character' | 'block' | 'fifo',
  major: number,
  minor: number,
): void {
  const type = kind === 'fifo' ? S_IFIFO : kind === 'block' ? S_IFBLK : S_IFCHR;
  // The kernel's numbers: 12 bits of major, 20 of minor.
  if (major < 0 || major > 0xfff || minor < 0 || minor > 0xfffff) throw new KernelError('mknod', errnoNumber('EINVAL'));
  const device = kind === 'fifo' ? 0 : ((minor & 0xff) | (major << 8) | ((minor & 0xfff00) << 12)) >>> 0;
  check(mknodat(directory, nameBuffer(name), type | 0o600, device), 'mknod');
}

/** A descriptor that only names what is there, a symbolic link itself. */
export function openEntry(directory: number, name: string): number {
  return check(openatBytes(directory, nameBuffer(name), O_PATH | O_NOFOLLOW | O_CLOEXEC, 0), 'open');
}

export interface Ownership {
  readonly uid: number;
  readonly gid: number;
  /** Permission bits with set-uid, set-gid and sticky; undefined for a symbolic link. */
  readonly mode?: number;
}

/** Owner, then mode (a change of the owner takes set-uid away), of an open file or directory. */
export function setOwnership(fd: number, { uid, gid, mode }: Ownership): void {
  check(fchown(fd, uid, gid), 'chown');
  if (mode !== undefined) check(fchmod(fd, mode), 'chmod');
}

/** The same for what only O_PATH may open: devices, FIFOs, symbolic links. */
export function setNodeOwnership(fd: number, { uid, gid, mode }: Ownership): void {
  check(fchownat(fd, NOTHING, uid, gid, AT_EMPTY_PATH), 'chown');
  // By the magic link of the descriptor: the kernel has no fchmod for such a one before 6.6.
  if (mode !== undefined && !fstatSync(fd).isSymbolicLink()) chmodSync(`/proc/self/fd/${fd}`, mode);
}

/** False where the file system or the rules for the kind of file do not have it. */
export function setXattr(fd: number, name: string, value: Buffer): boolean {
  return wasSet(fsetxattr(fd, nameBuffer(name), value.length > 0 ? value : NOTHING, value.length, 0), name);
}

/** Of an entry that cannot be opened; a symbolic link's own. */
export function setEntryXattr(directory: number, entry: string, name: string, value: Buffer): boolean {
  const path = nameBuffer(`/proc/self/fd/${directory}/${entry}`);
  return wasSet(lsetxattr(path, nameBuffer(name), value.length > 0 ? value : NOTHING, value.length, 0), name);
}

function wasSet(result: number, name: string): boolean {
  if (result === 0) return true;
  const error = new KernelError(`lsetxattr ${name}`, errnoOfLastCall());
  if (['EOPNOTSUPP', 'EPERM'].includes(error.code)) return false;
  throw error;
}

/** Seconds and nanoseconds. */
export interface FileTime {
  readonly s: bigint;
  readonly ns: bigint;
}

const timesBuffer = Buffer.alloc(128);
const UTIME_OMIT = 0x3ffffffen;

/** struct timespec[2]: of the access, which stays unless given, and of the change. */
function timespecs(modified: FileTime, accessed: FileTime | undefined): Buffer {
  timesBuffer.writeBigInt64LE(accessed?.s ?? 0n, 0);
  timesBuffer.writeBigInt64LE(accessed?.ns ?? UTIME_OMIT, 8);
  timesBuffer.writeBigInt64LE(modified.s, 16);
  timesBuffer.writeBigInt64LE(modified.ns, 24);
  return timesBuffer;
}

export function setTimes(fd: number, modified: FileTime, accessed?: FileTime): void {
  check(futimens(fd, timespecs(modified, accessed)), 'utimes');
}

/** Of an entry itself, if it is a symbolic link. */
export function setEntryTimes(directory: number, name: string, modified: FileTime, accessed?: FileTime): void {
  check(utimensat(directory, nameBuffer(name), timespecs(modified, accessed), AT_SYMLINK_NOFOLLOW), 'utimes');
}
