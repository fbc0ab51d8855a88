/**
 * A file system with one program, by whatever name it is asked for, mounted by FUSE. Whoever runs it is served; once it has been read, nobody
 * who asks for attributes is answered, for ever. Nothing in this process may touch it.
 */
import { closeSync, constants, mkdirSync, openSync, readSync, writeSync } from 'node:fs';
import { mount, unmount } from '../../src/kernel/mount.ts';

const LOOKUP = 1;
const FORGET = 2;
const GETATTR = 3;
const OPEN = 14;
const READ = 15;
const INIT = 26;
const OPENDIR = 27;
const STATX = 52;
const HEADER_BYTES = 16;
const ENOSYS = -38;
const PROGRAM_NODE = 2n;
const POLL_MS = 1;

export class ProgramFileSystem {
  readonly path: string;
  readonly #program: Buffer;
  readonly #device = openSync('/dev/fuse', constants.O_RDWR | constants.O_NONBLOCK);
  readonly #request = Buffer.alloc(1024 * 1024);
  readonly #timer: NodeJS.Timeout;
  /** Since the program was read; false: until it is read again. */
  isSilent = false;

  constructor(path: string, program: Buffer) {
    this.path = path;
    this.#program = program;
    mkdirSync(path, { recursive: true });
    const data = `fd=${this.#device},rootmode=40000,user_id=0,group_id=0,allow_other`;
    mount({ source: 'program', target: path, type: 'fuse', data });
    this.#timer = setInterval(() => {
      while (this.#takeOne());
    }, POLL_MS);
  }

  #takeOne(): boolean {
    try {
      readSync(this.#device, this.#request);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return false;
      throw error;
    }
    const opcode = this.#request.readUInt32LE(4);
    const node = this.#request.readBigUInt64LE(16);
    if (opcode === FORGET) return true;
    if (opcode === READ) {
      const at = Number(this.#request.readBigUInt64LE(48));
      this.#reply(this.#program.subarray(at, at + this.#request.readUInt32LE(56)));
      this.isSilent = true;
    } else if (this.isSilent && (opcode === GETATTR || opcode === STATX)) return true;
    else if (opcode === INIT) this.#reply(introduction());
    else if (opcode === LOOKUP) this.#reply(Buffer.concat([entry(), this.#attributes(PROGRAM_NODE)]));
    else if (opcode === GETATTR) this.#reply(Buffer.concat([Buffer.alloc(16), this.#attributes(node)]));
    else if (opcode === OPEN || opcode === OPENDIR) this.#reply(Buffer.alloc(16));
    else this.#reply(Buffer.alloc(0), ENOSYS);
    return true;
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

  #reply(body: Buffer, error = 0): void {
    const head = Buffer.alloc(HEADER_BYTES);
    head.writeUInt32LE(HEADER_BYTES + body.length, 0);
    head.writeInt32LE(error, 4);
    this.#request.copy(head, 8, 8, 16);
    writeSync(this.#device, Buffer.concat([head, body]));
  }

  end(): void {
    clearInterval(this.#timer);
    closeSync(this.#device);
    unmount(this.path, { detach: true });
  }
}

// struct fuse_init_out { major, minor, max_readahead, flags, ..., max_write, ... }
function introduction(): Buffer {
  const answer = Buffer.alloc(64);
  answer.writeUInt32LE(7, 0);
  answer.writeUInt32LE(31, 4);
  answer.writeUInt32LE(4096, 20);
  return answer;
}

// struct fuse_entry_out without its attributes: nodeid, generation, how long both may be kept
function entry(): Buffer {
  const answer = Buffer.alloc(40);
  answer.writeBigUInt64LE(PROGRAM_NODE, 0);
  return answer;
}
