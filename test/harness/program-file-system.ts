/**
 * A file system with one program, by whatever name it is asked for, mounted by FUSE. Whoever runs it is served; once it has been read, nobody
 * who asks for attributes is answered, for ever. Nothing in this process may touch it.
 */
import { mkdirSync } from 'node:fs';
import { unmount } from '../../src/kernel/mount.ts';
import { FuseDevice, INIT, type FuseRequest } from './fuse-device.ts';

const LOOKUP = 1;
const FORGET = 2;
const GETATTR = 3;
const OPEN = 14;
const READ = 15;
const OPENDIR = 27;
const STATX = 52;
const ENOSYS = -38;
const PROGRAM_NODE = 2n;
const POLL_MS = 1;

export class ProgramFileSystem {
  readonly path: string;
  readonly #program: Buffer;
  readonly #device = new FuseDevice();
  /** Since the program was read; false: until it is read again. */
  isSilent = false;

  constructor(path: string, program: Buffer) {
    this.path = path;
    this.#program = program;
    mkdirSync(path, { recursive: true });
    this.#device.mount('program', path);
    this.#device.serve(POLL_MS, (request) => this.#take(request));
  }

  #take({ opcode, bytes }: FuseRequest): void {
    const node = bytes.readBigUInt64LE(16);
    if (opcode === FORGET) return;
    if (opcode === READ) {
      const at = Number(bytes.readBigUInt64LE(48));
      this.#device.reply(this.#program.subarray(at, at + bytes.readUInt32LE(56)));
      this.isSilent = true;
    } else if (this.isSilent && (opcode === GETATTR || opcode === STATX)) return;
    else if (opcode === INIT) this.#device.introduce();
    else if (opcode === LOOKUP) this.#device.reply(Buffer.concat([entry(), this.#attributes(PROGRAM_NODE)]));
    else if (opcode === GETATTR) this.#device.reply(Buffer.concat([Buffer.alloc(16), this.#attributes(node)]));
    else if (opcode === OPEN || opcode === OPENDIR) this.#device.reply(Buffer.alloc(16));
    else this.#device.reply(Buffer.alloc(0), ENOSYS);
  }

  // struct fuse_attr: ino, size, blocks, three times, their parts, mode, nlink, uid, gid, rdev, blksize. Never kept.
  #attributes(node: bigint): Buffer {
    const isProgram = node === PROGRAM_NODE;
    const attributes = Buffer.alloc(88);
    attributes.writeBigUInt64LE(node, 0);
    attributes.writeBigUInt64LE(BigInt(isProgram ? this.#program.length : 4096), 8);
    attributes.writeUInt32LE(isProgram ? 0o100755 : 0o40755, 60);
    attributes.writeUInt32LE(1, 64);
    attributes.writeUInt32LE(4096, 80);
    return attributes;
  }

  end(): void {
    this.#device.close();
    unmount(this.path, { detach: true });
  }
}

// struct fuse_entry_out without its attributes: nodeid, generation, how long both may be kept
function entry(): Buffer {
  const answer = Buffer.alloc(40);
  answer.writeBigUInt64LE(PROGRAM_NODE, 0);
  return answer;
}
