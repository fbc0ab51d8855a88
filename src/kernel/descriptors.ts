/** File descriptors by number: what koffi made, koffi closes. */
import { check } from './errors.ts';
import { close, fcntl, open } from './ffi.ts';

export const O_RDONLY = 0;
export const O_PATH = 0o10000000;
export const O_CLOEXEC = 0o2000000;
export const O_NOFOLLOW = process.arch === 'arm64' ? 0o100000 : 0o400000;
export const O_DIRECTORY = process.arch === 'arm64' ? 0o40000 : 0o200000;

/** Opens for reading, close-on-exec. */
export function openFd(path: string, flags = O_RDONLY): number {
  return check(open(path, flags | O_CLOEXEC, 0), `open ${path}`);
}

/** Closes; a descriptor that is already closed is a caller's mistake and throws EBADF. */
export function closeFd(fd: number): void {
  check(close(fd), `close descriptor ${fd}`);
}

const F_DUPFD_CLOEXEC = 1030;

export function duplicateFd(fd: number): number {
  return check(fcntl(fd, F_DUPFD_CLOEXEC, 0), `duplicate descriptor ${fd}`);
}

const F_GETFL = 3;
const F_SETFL = 4;
const O_NONBLOCK = 0o4000;

/** For everyone who has the same open file: reads and writes fail with EAGAIN in place of waiting. */
export function setNonBlocking(fd: number): void {
  const flags = check(fcntl(fd, F_GETFL, 0), `read the flags of descriptor ${fd}`);
  check(fcntl(fd, F_SETFL, flags | O_NONBLOCK), `set the flags of descriptor ${fd}`);
}

const F_SETFD = 2;
const FD_CLOEXEC = 1;

/** Whether a program that is executed gets the descriptor. Everything this room opens starts as not inherited. */
export function setInherited(fd: number, inherited: boolean): void {
  check(fcntl(fd, F_SETFD, inherited ? 0 : FD_CLOEXEC), `set descriptor ${fd} inherited=${inherited}`);
}
