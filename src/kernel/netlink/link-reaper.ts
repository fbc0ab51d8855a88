/**
 * Deletes links without holding up the caller's thread. The kernel waits for all readers of a link before it is gone, 5 to
 * 25 ms; deletions that are asked for at about the same time share one wait, as all links of a device group are deleted
 * together.
 */
import { randomInt } from 'node:crypto';
import { errnoNumber, isKernelError, KernelError } from '../errors.ts';
import { sendOnThread } from '../ffi.ts';
import * as link from './link-codec.ts';
import { NetlinkWriter, NLM_F_ACK, NLM_F_REQUEST, NLMSG_ERROR, readMessages } from './message.ts';
import { NETLINK_ROUTE, NetlinkSocket, readError } from './netlink-socket.ts';

const IFLA_GROUP = 27;

interface Waiting {
  readonly name: string;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export class LinkReaper {
  readonly #socket: NetlinkSocket;
  readonly #group = randomInt(0x1000_0000, 0x7fff_ffff); // a number that nobody else has for his own purposes
  #waiting: Waiting[] = [];
  #busy = false;

  private constructor(socket: NetlinkSocket) {
    this.#socket = socket;
  }

  /** Opens in the namespace at the path and stays in it. */
  static open(netns?: string): LinkReaper {
    return new LinkReaper(NetlinkSocket.open(NETLINK_ROUTE, { netns }));
  }

  /** Resolves when the link is gone; one that is not there is fine. A veth takes its peer along. */
  delete(name: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ name, resolve, reject });
      // The end of this turn of the loop: until then others may ask too.
      if (!this.#busy) setImmediate(() => void this.#work());
    });
  }

  /** After the last deletion. */
  close(): void {
    this.#socket.close();
  }

  async #work(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      const marked = batch.filter((one) => this.#mark(one));
      if (marked.length === 0) continue;
      try {
        await this.#deleteGroup();
        for (const one of marked) one.resolve();
      } catch (error) {
        for (const one of marked) one.reject(error);
      }
    }
    this.#busy = false;
  }

  #mark({ name, resolve, reject }: Waiting): boolean {
    const writer = new NetlinkWriter(128);
    writer.begin(link.RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK, this.#socket.nextSequence());
    writer.raw(link.linkHeader());
    writer.attributeString(link.IFLA_IFNAME, name);
    writer.attributeU32(IFLA_GROUP, this.#group);
    writer.end();
    try {
      this.#socket.request(writer, `delete link ${name}`);
      return true;
    } catch (error) {
      if (isKernelError(error, 'ENODEV')) resolve();
      else reject(error);
      return false;
    }
  }

  #deleteGroup(): Promise<void> {
    const operation = 'delete links';
    const writer = new NetlinkWriter(64);
    const sequence = this.#socket.nextSequence();
    writer.begin(link.RTM_DELLINK, NLM_F_REQUEST | NLM_F_ACK, sequence);
    writer.raw(link.linkHeader());
    writer.attributeU32(IFLA_GROUP, this.#group);
    writer.end();
    const bytes = Buffer.from(writer.bytes());
    return new Promise((resolve, reject) => {
      sendOnThread(this.#socket.fd, bytes, bytes.length, 0, (failure, result) => {
        if (failure || result < 0) return reject(new KernelError(operation, errnoNumber('EIO'), String(failure ?? '')));
        try {
          // The kernel worked while it was sent, so the answer is there.
          for (const message of readMessages(this.#socket.receive(operation))) {
            if (message.sequence !== sequence || message.type !== NLMSG_ERROR) continue;
            const error = readError(message, operation);
            if (error && error.code !== 'ENODEV') return reject(error); // somebody else was quicker
          }
          resolve();
        } catch (error) {
          reject(error);
        }
      });
    });
  }
}
