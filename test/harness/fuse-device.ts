/**
 * The server's side of a file system mounted by FUSE: this process takes what is asked of it. Whoever touches the mount
 * waits for that; nothing in this process may.
 */
import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs';
import { mount } from '../../src/kernel/mount.ts';

const HEADER_BYTES = 16;
const REQUEST_BYTES = 1024 * 1024;
export const INIT = 26;

/** Of a request: struct fuse_in_header { len, opcode, unique, nodeid, ... } and what follows. */
export interface FuseRequest {
  readonly opcode: number;
  readonly bytes: Buffer;
}

export class FuseDevice {
  readonly #device = openSync('/dev/fuse', constants.O_RDWR | constants.O_NONBLOCK);
  readonly #request = Buffer.alloc(REQUEST_BYTES);
  #timer: NodeJS.Timeout | undefined;

  /** In the mount namespace of the caller. */
  mount(source: string, path: string): void {
    const data = `fd=${this.#device},rootmode=40000,user_id=0,group_id=0,allow_other`;
    mount({ source, target: path, type: 'fuse', data });
  }

  /** Takes what is asked from now on, every `pollMs`. */
  serve(pollMs: number, take: (request: FuseRequest) => void): void {
    this.#timer = setInterval(() => {
      while (this.takeOne(take));
    }, pollMs);
  }

  /** False: nothing has been asked. */
  takeOne(take: (request: FuseRequest) => void): boolean {
    try {
      readSync(this.#device, this.#request);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return false;
      throw error;
    }
    take({ opcode: this.#request.readUInt32LE(4), bytes: this.#request });
    return true;
  }

  /** Answers the request that was taken last: struct fuse_out_header { len, error, unique } and the body. */
  reply(body: Buffer, error = 0): void {
    const head = Buffer.alloc(HEADER_BYTES);
    head.writeUInt32LE(HEADER_BYTES + body.length, 0);
    head.writeInt32LE(error, 4);
    this.#request.copy(head, 8, 8, 16);
    writeSync(this.#device, Buffer.concat([head, body]));
  }

  /** Answers INIT. struct fuse_init_out { major, minor, max_readahead, flags, ..., max_write, ... } */
  introduce(): void {
    const answer = Buffer.alloc(64);
    answer.writeUInt32LE(7, 0);
    answer.writeUInt32LE(31, 4);
    answer.writeUInt32LE(4096, 20);
    this.reply(answer);
  }

  /** Whoever waits gets an error. */
  close(): void {
    clearInterval(this.#timer);
    closeSync(this.#device);
  }
}
