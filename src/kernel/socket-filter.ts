/**
 * What a socket does not even see: small programs that the kernel runs on each packet for it. Connections inherit their
 * listener's.
 */
import { check } from './errors.ts';
import { addressOf, setsockopt, syscallBpf } from './ffi.ts';

const SOL_SOCKET = 1;
const SO_ATTACH_FILTER = 26;
const SO_DETACH_FILTER = 27;
const SO_ATTACH_BPF = 50;

const KEEP_NOTHING = 0;
const KEEP_ALL = 0x7fff_ffff;

interface Instruction {
  readonly code: number;
  readonly registers?: number; // source << 4 | destination
  readonly jump?: number; // instructions to skip if the comparison holds
  readonly value?: number;
}

const set = (value: number): Instruction => ({ code: 0xb7, value });
const exit: Instruction = { code: 0x95 };
const saveContext: Instruction = { code: 0xbf, registers: 0x16 }; // r6 = r1, as loads of packets want it
const SKF_NET_OFF = -0x10_0000;
const loadWord = (offset: number): Instruction => ({ code: 0x20, value: SKF_NET_OFF + offset }); // of the IP header
const shiftRight = (bits: number): Instruction => ({ code: 0x77, value: bits });
const skipIfEqual = (value: number, jump: number): Instruction => ({ code: 0x15, value, jump });
const skipUnlessEqual = (value: number, jump: number): Instruction => ({ code: 0x55, value, jump });

const DROP_ALL: readonly Instruction[] = [set(KEEP_NOTHING), exit];

// IPv6: the destination is at 24, the source at 8. fe80::/10 is recognized by ten bits.
const KEEP_UNFORWARDABLE: readonly Instruction[] = [
  saveContext,
  loadWord(24),
  skipUnlessEqual(0, 6),
  loadWord(28),
  skipUnlessEqual(0, 4),
  loadWord(32),
  skipUnlessEqual(0, 2),
  loadWord(36),
  skipIfEqual(1, 5),
  loadWord(8),
  shiftRight(22),
  skipIfEqual(0x3fa, 2),
  set(KEEP_NOTHING),
  exit,
  set(KEEP_ALL),
  exit,
];

// One program for all sockets: a classic filter (SO_ATTACH_FILTER) is compiled for each, 30-80 us, this is 3 us. null =
// the kernel does not allow loading one.
const loaded = new Map<readonly Instruction[], number | null>();

/** Nothing arrives. */
export function dropAll(fd: number): void {
  const program = programOf(DROP_ALL);
  if (program === null) attachClassicFilter(fd);
  else attach(fd, program);
}

/**
 * Of an IPv6 socket: only what cannot be forwarded arrives, packets to ::1 and from link-local addresses. False where
 * the kernel does not allow it; then all arrives, as before.
 */
export function keepUnforwardable(fd: number): boolean {
  const program = programOf(KEEP_UNFORWARDABLE);
  if (program !== null) attach(fd, program);
  return program !== null;
}

export function keepAll(fd: number): void {
  check(setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, Buffer.alloc(4), 4), 'detach socket filter');
}

function attach(fd: number, program: number): void {
  const value = Buffer.alloc(4);
  value.writeInt32LE(program);
  check(setsockopt(fd, SOL_SOCKET, SO_ATTACH_BPF, value, 4), 'attach socket filter');
}

function programOf(instructions: readonly Instruction[]): number | null {
  let program = loaded.get(instructions);
  if (program === undefined) loaded.set(instructions, (program = load(instructions)));
  return program;
}

function load(instructions: readonly Instruction[]): number | null {
  const SYS_BPF = process.arch === 'arm64' ? 280 : 321;
  const BPF_PROG_LOAD = 5;
  const BPF_PROG_TYPE_SOCKET_FILTER = 1;
  const block = Buffer.alloc(256); // the attributes, at 64 the licence, at 80 the instructions
  block.writeUInt32LE(BPF_PROG_TYPE_SOCKET_FILTER, 0);
  block.writeUInt32LE(instructions.length, 4);
  block.writeBigUInt64LE(addressOf(block) + 80n, 8);
  block.writeBigUInt64LE(addressOf(block) + 64n, 16);
  block.write('GPL', 64);
  instructions.forEach(({ code, registers = 0, jump = 0, value = 0 }, index) => {
    const at = 80 + index * 8; // struct bpf_insn
    block[at] = code;
    block[at + 1] = registers;
    block.writeInt16LE(jump, at + 2);
    block.writeInt32LE(value, at + 4);
  });
  const program = syscallBpf(SYS_BPF, BPF_PROG_LOAD, block, 48);
  return program < 0 ? null : program;
}

// struct sock_filter { code BPF_RET|BPF_K, 0, 0, k = 0 bytes kept } and the sock_fprog that points at it.
function attachClassicFilter(fd: number): void {
  const block = Buffer.alloc(128);
  block.writeUInt16LE(0x06, 0);
  block.writeUInt16LE(1, 64);
  block.writeBigUInt64LE(addressOf(block), 72);
  check(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, block.subarray(64, 80), 16), 'attach socket filter');
}
