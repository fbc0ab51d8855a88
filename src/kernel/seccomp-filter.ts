/** Seccomp filters compiled in this process by libseccomp, the library that the runtimes compile them with. */
import { closeSync, readSync } from 'node:fs';
import { errnoName, errnoNumber, KernelError } from './errors.ts';
import { libseccomp, type SeccompLibrary } from './ffi.ts';
import { openMemoryFile } from './spawn.ts';

export interface FilterArgument {
  readonly index: number;
  readonly operator: 'NE' | 'LT' | 'LE' | 'EQ' | 'GE' | 'GT' | 'MASKED_EQ';
  readonly value: bigint;
  /** For MASKED_EQ, where `value` is the mask. */
  readonly second: bigint;
}

export interface FilterRule {
  readonly syscalls: readonly string[];
  /** 0: allowed; else the error that the call fails with. */
  readonly errno: number;
  readonly args: readonly FilterArgument[];
}

export interface FilterProfile {
  readonly defaultErrno: number;
  /** libseccomp's names ('x86_64'), besides the machine's own. */
  readonly architectures: readonly string[];
  readonly rules: readonly FilterRule[];
}

const OPERATORS = { NE: 1, LT: 2, LE: 3, EQ: 4, GE: 5, GT: 6, MASKED_EQ: 7 } as const;
const ALLOW = 0x7fff0000;
const FIRST_COMMON_NUMBER = 424;
const X32_MASK = 0xbfffffff;
const UNKNOWN_SYSCALL = -1; // __NR_SCMP_ERROR
const LONGEST_FILTER_BYTES = 4096 * 8; // the kernel takes no more instructions

const action = (errno: number): number => (errno === 0 ? ALLOW : 0x00050000 | errno);

/**
 * The filter as the kernel takes it: instructions of eight bytes. Undefined where libseccomp is not installed. Calls
 * that are newer than the newest of the profile fail with ENOSYS, as runc has it: a C library takes EPERM for an answer
 * and does not try the older call.
 */
export function compileFilter(profile: FilterProfile): Buffer | undefined {
  const library = libseccomp();
  if (library === null) return undefined;
  const context = library.init(action(profile.defaultErrno));
  if (!context) throw new Error('libseccomp could not begin a filter');
  try {
    for (const name of profile.architectures) addArchitecture(library, context, name);
    let newest = 0;
    for (const rule of profile.rules) newest = Math.max(newest, addRule(library, context, rule, profile.defaultErrno));
    return Buffer.concat([unknownCalls(newest), exported(library, context)]);
  } finally {
    library.release(context);
  }
}

function addArchitecture(library: SeccompLibrary, context: bigint, name: string): void {
  const result = library.addArchitecture(context, library.resolveArchitecture(name));
  if (result < 0 && errnoName(-result) !== 'EEXIST')
    throw new KernelError(`add architecture ${name} to a filter`, -result);
}

/** Answers with the highest number among the rule's calls. */
function addRule(library: SeccompLibrary, context: bigint, rule: FilterRule, defaultErrno: number): number {
  if (rule.errno === defaultErrno) return 0; // libseccomp refuses a rule that equals the default
  const args = rule.args.length === 0 ? null : Buffer.alloc(24 * rule.args.length);
  rule.args.forEach((arg, position) => {
    args!.writeUInt32LE(arg.index, 24 * position);
    args!.writeUInt32LE(OPERATORS[arg.operator], 24 * position + 4);
    args!.writeBigUInt64LE(arg.value, 24 * position + 8);
    args!.writeBigUInt64LE(arg.second, 24 * position + 16);
  });
  let highest = 0;
  for (const name of rule.syscalls) {
    const number = library.resolveSyscall(name);
    if (number === UNKNOWN_SYSCALL) continue; // newer than the library: the default holds for it
    const result = library.addRule(context, action(rule.errno), number, rule.args.length, args);
    if (result < 0) throw new KernelError(`add ${name} to a filter`, -result);
    highest = Math.max(highest, number);
  }
  return highest;
}

// From 424 on a call has the same number on every architecture (x32 adds a bit to it), so one comparison does for all.
function unknownCalls(newest: number): Buffer {
  if (newest < FIRST_COMMON_NUMBER) return Buffer.alloc(0);
  return Buffer.concat([
    instruction(0x20, 0), // load the number
    instruction(0x54, X32_MASK),
    instruction(0x25, newest, 0, 1), // greater: the next, else the one after it
    instruction(0x06, action(errnoNumber('ENOSYS'))),
  ]);
}

function instruction(code: number, value: number, whenTrue = 0, whenFalse = 0): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt16LE(code, 0);
  bytes.writeUInt8(whenTrue, 2);
  bytes.writeUInt8(whenFalse, 3);
  bytes.writeUInt32LE(value, 4);
  return bytes;
}

function exported(library: SeccompLibrary, context: bigint): Buffer {
  const fd = openMemoryFile('seccomp');
  try {
    const result = library.exportFilter(context, fd);
    if (result < 0) throw new KernelError('export a filter', -result);
    const filter = Buffer.alloc(LONGEST_FILTER_BYTES);
    return filter.subarray(0, readSync(fd, filter, 0, filter.length, 0));
  } finally {
    closeSync(fd);
  }
}
