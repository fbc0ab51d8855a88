/**
 * A program for containers that makes system calls and says what came of them, as the bytes of a static x86-64 ELF
 * file: it needs neither a compiler nor anything in the image. For each call it forks; the child sets an alarm of one
 * second, makes the call and stores the result; the parent writes sixteen bytes: the result, the child's wait status,
 * and four that mean nothing.
 */

export interface ProbedCall {
  readonly number: number;
  /** Six; -1 for those left out, which no call takes for an address, a descriptor or a process that exists. */
  readonly args?: readonly (number | bigint)[];
  /** By `int 0x80`, the door of 32-bit programs. */
  readonly i386?: boolean;
}

/**
 * What came of a call: 'errno 1', 'ok', or the signal that ended the caller ('signal 9'). 'no return' for exit and its
 * like.
 */
export type ProbeResult = string;

const CODE = Buffer.from(
  // mmap(0, 4096, READ|WRITE, SHARED|ANONYMOUS) -> r14; r12 = the table's first entry, r13 = how many
  '31ffbe00100000ba0300000041ba2100000049c7c0ffffffff4531c9b8090000000f054989c64c8d25d10000004c8b2dc2000000' +
    // loop: until r13 is 0: the result is 0x55.. until there is one; fork
    '4d85ed744748b85555555555555555498906b8390000000f0585c07438' +
    // wait4(child, r14 + 8, 0, 0); write(1, r14, 16); next entry
    '89c7498d760831d24531d2b83d0000000f05bf010000004c89f6ba10000000b8010000000f054983c44049ffcdebb4' +
    // exit_group(0)
    '31ffb8e70000000f05' +
    // child: alarm(1); the call, by syscall or by int 0x80
    'bf01000000b8250000000f0549837c24380075' +
    '26498b0424498b7c2408498b742410498b5424184d8b5424204d8b4424284d8b4c24300f05eb27' +
    '418b0424418b5c2408418b4c2410418b542418418b742420418b7c2428418b6c2430cd804863c0' +
    // stores the result; exit_group(0)
    '49890631ffb8e70000000f05',
  'hex',
);
const NONE = 0x5555555555555555n;
const BASE = 0x400000n;
const HEADERS_BYTES = 64 + 56;

export function syscallProgram(calls: readonly ProbedCall[]): Buffer {
  const table = Buffer.alloc(8 + 64 * calls.length);
  table.writeBigUInt64LE(BigInt(calls.length), 0);
  calls.forEach(({ number, args = [], i386 = false }, index) => {
    const words = [number, ...Array.from({ length: 6 }, (_, position) => args[position] ?? -1), i386 ? 1 : 0];
    words.forEach((word, position) =>
      table.writeBigUInt64LE(BigInt.asUintN(64, BigInt(word)), 8 + 64 * index + 8 * position),
    );
  });
  const bytes = BigInt(HEADERS_BYTES + CODE.length + table.length);
  const header = Buffer.alloc(HEADERS_BYTES);
  header.write('7f454c46020101', 'hex');
  header.writeUInt16LE(2, 16); // ET_EXEC
  header.writeUInt16LE(62, 18); // EM_X86_64
  header.writeUInt32LE(1, 20);
  header.writeBigUInt64LE(BASE + BigInt(HEADERS_BYTES), 24); // entry
  header.writeBigUInt64LE(64n, 32); // program headers
  header.writeUInt16LE(64, 52);
  header.writeUInt16LE(56, 54);
  header.writeUInt16LE(1, 56);
  header.writeUInt32LE(1, 64); // PT_LOAD
  header.writeUInt32LE(5, 68); // readable, executable
  for (const [offset, value] of [
    [80, BASE],
    [88, BASE],
    [96, bytes],
    [104, bytes],
    [112, 0x1000n],
  ] as const)
    header.writeBigUInt64LE(value, offset);
  return Buffer.concat([header, CODE, table]);
}

export function readResults(output: Buffer): ProbeResult[] {
  return Array.from({ length: Math.floor(output.length / 16) }, (_, index) => {
    const result = output.readBigInt64LE(16 * index);
    const status = output.readInt32LE(16 * index + 8);
    if ((status & 0x7f) !== 0) return `signal ${status & 0x7f}`;
    if (result === NONE) return 'no return';
    return result < 0n && result > -4096n ? `errno ${-result}` : 'ok';
  });
}
