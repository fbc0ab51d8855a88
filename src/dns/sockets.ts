/**
 * What the resolver needs of the kernel, declared by its user: the process entry hands in the real thing. `netns` is
 * the path of a namespace file, undefined the process's own. Descriptors are non-blocking.
 */
export interface ResolverSockets {
  /** A bound UDP socket. */
  openUdp(options: { netns?: string | undefined; address: string; port: number }): number;
  /** A listening TCP socket. */
  openTcpListener(options: { netns?: string | undefined; address: string; port: number }): number;
  /** A UDP socket that only receives from that address, at a port that the kernel chooses at random. */
  connectUdp(options: { netns?: string | undefined; address: string; port: number }): number;
  /**
   * One datagram on a connected socket. Throws errors the kernel received for earlier ones: port unreachable, no route.
   */
  send(fd: number, message: Uint8Array): void;
  /** The next datagram, good until the next call; undefined if none waits. Throws as `send` does. */
  receive(fd: number): Buffer | undefined;
  /** A TCP socket that is not connected yet. */
  openTcp(options: { netns?: string | undefined; family: 4 | 6 }): number;
  close(fd: number): void;
  /** Tells namespaces apart whatever their path. Throws if there is none at the path. */
  netnsIdentity(path: string): string;
  /**
   * Calls back when a UDP socket has something to read, until stopped. Sockets take turns: `readable` reads a
   * little, whatever waits, and returns how much work that was, counted in local answers.
   */
  watch(fd: number, readable: () => number): { stop(): void };
  /** Room for datagrams that are read and sent many at a time. One for the process. */
  readonly batch: DatagramBatch;
}

/** A fixed set of buffers; message `index` of the last `receive` lies at `offset(index)` of `data`. */
export interface DatagramBatch {
  readonly data: Uint8Array;
  readonly slotBytes: number;
  /** How many messages one `receive` takes at most. */
  readonly slots: number;
  /** Reads what waits, at most `limit` and a batch; returns how many. Forgets what was read before. */
  receive(fd: number, limit: number): number;
  offset(index: number): number;
  /** Bytes of the message; `slotBytes` if it was longer, and cut. */
  length(index: number): number;
  /** The sender, for an answer that comes later. */
  sender(index: number): Uint8Array;
  /** Queues the first `bytes` bytes of slot `index` for its sender. */
  reply(index: number, bytes: number): void;
  /** Sends what is queued. Answers that the kernel does not take are lost, as datagrams are. */
  flush(fd: number): void;
  sendTo(fd: number, receiver: Uint8Array, message: Uint8Array): void;
}
