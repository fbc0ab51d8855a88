/**
 * Requests to the kernel's routing side over one socket: sent one by one or gathered into batches, dumps, and the
 * look-up of a link's index, which nearly every request needs. The contents of the requests are in the *-requests.ts
 * files.
 */
import { closeFd, openFd } from '../descriptors.ts';
import { errnoNumber, isKernelError, KernelError } from '../errors.ts';
import * as link from './link-codec.ts';
import { NetlinkWriter, NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST } from './message.ts';
import { NETLINK_ROUTE, NetlinkSocket } from './netlink-socket.ts';

export const RTEXT_FILTER_SKIP_STATS = 8;
const BATCH_MAX_MESSAGES = 64; // the replies have to fit into the socket's receive buffer

export type WriteContent = (writer: NetlinkWriter) => void;

export interface DumpRequest {
  readonly operation: string;
  readonly type: number;
  readonly content: WriteContent;
  readonly visit: (type: number, payload: Buffer) => void;
  /** The table changed meanwhile and is read again: forget what has been visited. */
  readonly restart: () => void;
  /** The refusal that means that there is nothing. */
  readonly emptyCode?: string;
}

export class RouteChannel {
  readonly socket: NetlinkSocket;
  readonly #writer = new NetlinkWriter(2048);
  #pending: string[] | undefined; // operations of the batch that is being gathered
  #firstSequence = 0;
  #descriptors: number[] = [];

  constructor(netns?: string) {
    this.socket = NetlinkSocket.open(NETLINK_ROUTE, { netns });
    this.socket.checkStrictly();
  }

  /**
   * Requests made by `work` are gathered and sent together, up to 64 at a time; a batch within a batch is part of it.
   */
  batch(work: () => void): void {
    if (this.#pending) return work();
    this.#pending = [];
    this.#writer.clear();
    try {
      work();
      this.#flush();
    } finally {
      this.#pending = undefined;
      this.#writer.clear();
      this.#closeDescriptors();
    }
  }

  /** Something to be changed. Throws the kernel's error, in a batch when it is sent. */
  request(operation: string, type: number, flags: number, content: WriteContent): void {
    const sequence = this.socket.nextSequence();
    if (this.#pending) {
      if (this.#pending.length === 0) this.#firstSequence = sequence;
      write(this.#writer, type, flags | NLM_F_REQUEST | NLM_F_ACK, sequence, content);
      this.#pending.push(operation);
      if (this.#pending.length >= BATCH_MAX_MESSAGES) this.#flush();
      return;
    }
    this.#writer.clear();
    try {
      write(this.#writer, type, flags | NLM_F_REQUEST | NLM_F_ACK, sequence, content);
      this.socket.request(this.#writer, operation);
    } finally {
      this.#closeDescriptors();
    }
  }

  /** One thing to be read, after what is gathered has been sent. */
  read(operation: string, type: number, content: WriteContent, visit: (payload: Buffer) => void): void {
    this.#flush();
    const writer = new NetlinkWriter(256);
    write(writer, type, NLM_F_REQUEST | NLM_F_ACK, this.socket.nextSequence(), content);
    this.socket.request(writer, operation, (message) => visit(message.payload));
  }

  /** A table to be read, likewise. */
  dump(request: DumpRequest): void {
    this.#flush();
    const writer = new NetlinkWriter(256);
    write(writer, request.type, NLM_F_REQUEST | NLM_F_DUMP, this.socket.nextSequence(), request.content);
    try {
      this.socket.dump(writer, request.operation, ({ type, payload }) => request.visit(type, payload), request.restart);
    } catch (error) {
      if (request.emptyCode === undefined || !isKernelError(error, request.emptyCode)) throw error;
    }
  }

  /** Calls `visit` with the link's message, or not at all if there is none of that name or index. */
  getLink(name: string | number, mask: number, visit: (payload: Buffer) => void): void {
    const content = (writer: NetlinkWriter) => {
      writer.raw(link.linkHeader(typeof name === 'number' ? name : 0));
      if (typeof name === 'string') writer.attributeString(link.IFLA_IFNAME, name);
      writer.attributeU32(link.IFLA_EXT_MASK, mask);
    };
    try {
      this.read(`find link ${name}`, link.RTM_GETLINK, content, visit);
    } catch (error) {
      // A name that is too long for the kernel (ERANGE, EINVAL) is not in use either.
      if (!isKernelError(error, 'ENODEV', 'ERANGE', 'EINVAL')) throw error;
    }
  }

  /** No such link: KernelError ENODEV, under the operation that needed it. */
  indexOf(name: string, operation = `find link ${name}`): number {
    if (name === 'lo') return 1; // in every namespace, always
    let index: number | undefined;
    this.getLink(name, RTEXT_FILTER_SKIP_STATS, (payload) => (index = link.parseInterface(payload)?.index));
    if (index === undefined) throw new KernelError(operation, errnoNumber('ENODEV'), `no link named ${name}`);
    return index;
  }

  /**
   * A descriptor for a request that names a namespace; closed when that request has been sent. Ask for indices first: a
   * look-up sends what is waiting.
   */
  openNetns(path: string | undefined): number | undefined {
    if (path === undefined) return undefined;
    const fd = openFd(path);
    this.#descriptors.push(fd);
    return fd;
  }

  #flush(): void {
    const operations = this.#pending;
    if (!operations || operations.length === 0) return;
    this.#pending = [];
    try {
      const failed = this.socket.requestMany(this.#writer, this.#firstSequence, operations).find(({ error }) => error);
      if (failed?.error) throw failed.error;
    } finally {
      this.#writer.clear();
      this.#closeDescriptors();
    }
  }

  #closeDescriptors(): void {
    for (const fd of this.#descriptors) closeFd(fd);
    this.#descriptors = [];
  }
}

function write(writer: NetlinkWriter, type: number, flags: number, sequence: number, content: WriteContent): void {
  writer.begin(type, flags, sequence);
  content(writer);
  writer.end();
}
