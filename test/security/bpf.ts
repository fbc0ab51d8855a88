/**
 * Runs a seccomp filter (classic BPF over struct seccomp_data) as the kernel would: what it answers to a system call.
 */

export interface SeccompCall {
  readonly architecture: number; // AUDIT_ARCH_*
  readonly number: number;
  readonly args?: readonly bigint[];
}

const LD_W_ABS = 0x20;
const RET_K = 0x06;
const OR_K = 0x44;
const AND_K = 0x54;
const JUMP_ALWAYS = 0x05;
const JUMPS: Readonly<Record<number, (a: number, k: number) => boolean>> = {
  0x15: (a, k) => a === k,
  0x25: (a, k) => a > k,
  0x35: (a, k) => a >= k,
  0x45: (a, k) => (a & k) >>> 0 !== 0,
};

/** The filter's return value, as SECCOMP_RET_* with its data. Throws for instructions that no seccomp filter has. */
export function runFilter(filter: Buffer, call: SeccompCall): number {
  const data = Buffer.alloc(64);
  data.writeInt32LE(call.number, 0);
  data.writeUInt32LE(call.architecture, 4);
  (call.args ?? []).forEach((value, index) => data.writeBigUInt64LE(BigInt.asUintN(64, value), 16 + 8 * index));
  let accumulator = 0;
  for (let at = 0; at < filter.length / 8; at += 1) {
    const code = filter.readUInt16LE(at * 8);
    const k = filter.readUInt32LE(at * 8 + 4);
    if (code === LD_W_ABS) accumulator = data.readUInt32LE(k);
    else if (code === AND_K) accumulator = (accumulator & k) >>> 0;
    else if (code === OR_K) accumulator = (accumulator | k) >>> 0;
    else if (code === RET_K) return k;
    else if (code === JUMP_ALWAYS) at += k;
    else if (JUMPS[code]) at += filter[at * 8 + (JUMPS[code](accumulator, k) ? 2 : 3)]!;
    else throw new Error(`instruction ${at} has the unknown code 0x${code.toString(16)}`);
  }
  throw new Error('the filter ends without an answer');
}

/** 'allow', 'errno 1', 'kill', ... */
export function describeAction(value: number): string {
  const action = (value & 0xffff0000) >>> 0;
  const names: Readonly<Record<number, string>> = {
    0x7fff0000: 'allow',
    0x50000: `errno ${value & 0xffff}`,
    0x80000000: 'kill process',
    0: 'kill',
    0x30000: 'trap',
    0x7ffc0000: 'log',
  };
  return names[action] ?? `0x${value.toString(16)}`;
}
