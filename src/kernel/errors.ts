/**
 * Errors of system calls and netlink requests: what was tried, the errno, and the kernel's own words where it gave
 * some.
 */
import { constants } from 'node:os';
import { CausewayError } from '../base/errors.ts';
import { errnoOfLastCall, strerror } from './ffi.ts';

const nameByNumber = new Map<number, string>();
for (const [name, number] of Object.entries(constants.errno)) {
  // Two names for one number (EAGAIN/EWOULDBLOCK, EOPNOTSUPP/ENOTSUP): the kernel's comes first.
  if (!nameByNumber.has(number) || name === 'EOPNOTSUPP' || name === 'EAGAIN') nameByNumber.set(number, name);
}
// Errnos that Node does not list and that netlink, mounts and sockets give.
for (const [name, number] of [
  ['ENOTUNIQ', 76],
  ['EUCLEAN', 117],
  ['ERESTART', 85],
  ['ENOMEDIUM', 123],
  ['EPFNOSUPPORT', 96],
  ['ESOCKTNOSUPPORT', 94],
  ['ESHUTDOWN', 108],
  ['EKEYREJECTED', 129],
  ['EREMOTEIO', 121],
  ['EXFULL', 54],
] as const) {
  if (!nameByNumber.has(number)) nameByNumber.set(number, name);
}

const numberByName = new Map([...nameByNumber].map(([number, name]) => [name, number]));

/** 'EEXIST' for 17; 'E123' for a number without a name. */
export function errnoName(errno: number): string {
  return nameByNumber.get(errno) ?? `E${errno}`;
}

/** 17 for 'EEXIST'; 0 for an unknown name. */
export function errnoNumber(name: string): number {
  return numberByName.get(name) ?? 0;
}

/**
 * A refused system call or netlink request. Kind `system`: what it means for the user is for the caller to tell.
 * Message: "create veth veth12: File exists (EEXIST)", and after a colon the kernel's extended text if there is one.
 */
export class KernelError extends CausewayError {
  readonly operation: string;
  readonly errno: number;
  readonly code: string;
  /** 'File exists' */
  readonly reason: string;
  /** The kernel's extended acknowledgement or nft's caret message; '' where there is none. */
  readonly extended: string;

  constructor(operation: string, errno: number, extended = '') {
    const code = errnoName(errno);
    const reason = strerror(errno);
    super('system', `${operation}: ${reason} (${code})${extended === '' ? '' : `: ${extended}`}`);
    this.name = 'KernelError';
    this.operation = operation;
    this.errno = errno;
    this.code = code;
    this.reason = reason;
    this.extended = extended;
  }
}

/** True for a KernelError, and if codes are given, only for one of them. */
export function isKernelError(error: unknown, ...codes: string[]): error is KernelError {
  return error instanceof KernelError && (codes.length === 0 || codes.includes(error.code));
}

/** Passes the result of a C call on, or throws an error for errno. Nothing may run between the call and this. */
export function check(result: number, operation: string): number {
  if (result < 0) throw new KernelError(operation, errnoOfLastCall());
  return result;
}
