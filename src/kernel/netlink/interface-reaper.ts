/**
 * Deletes links without holding up the caller's thread. The kernel makes a link invisible within a millisecond, and
 * notifies of it; then it waits for all users that may remain, 5 to 25 ms, before it answers. No caller has to wait for
 * that: a deletion is done when the link is out of sight. Deletions that are asked for at about the same time are one
 * request, as all links of a device group are deleted together.
 */
import { randomInt } from 'node:crypto';
import { isKernelError } from '../errors.ts';
import type { FdWatch } from '../fd-watch.ts';
import * as link from './link-codec.ts';
import { NetlinkWriter, NLM_F_ACK, NLM_F_REQUEST, NLMSG_ERROR, readMessages, type NetlinkMessage } from './message.ts';
import { NETLINK_ROUTE, NetlinkSocket, readError } from './netlink-socket.ts';

const IFLA_GROUP = 27;
const RTNLGRP_LINK = 1;
const AF_UNSPEC = 0;

/** Requests in flight at a time: each holds a thread of koffi's pool, of which others need some too. */
const LANES = 2;

interface Waiting {
  readonly name: string;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

interface Lane {
  readonly socket: NetlinkSocket;
  group: number; // one that no other program uses, another for each batch: it tells links of one name apart
  batch: readonly Waiting[]; // in flight; empty = free
}

export class InterfaceReaper {
  readonly #netns: string | undefined;
  readonly #lanes: readonly Lane[];
  #waiting: Waiting[] = [];
  #news: { socket: NetlinkSocket; watch: FdWatch } | undefined;
  #closed = false;

  private constructor(netns: string | undefined) {
    this.#netns = netns;
    this.#lanes = Array.from({ length: LANES }, () => ({
      socket: NetlinkSocket.open(NETLINK_ROUTE, { netns }),
      group: 0,
      batch: [],
    }));
  }

  /** Opens in the namespace at the path and stays in it. */
  static open(netns?: string): InterfaceReaper {
    return new InterfaceReaper(netns);
  }

  /** Resolves when the link is not visible any more; one that is not there is fine. A veth takes its peer along. */
  delete(name: string): Promise<void> {
    return new Promise((resolve, reject) => {
      // The end of this turn of the loop: until then others may ask too.
      if (this.#waiting.length === 0) setImmediate(() => this.#work());
      this.#waiting.push({ name, resolve, reject });
    });
  }

  /** After the last deletion; what the kernel still works on goes on to its end. */
  close(): void {
    this.#closed = true;
    for (const lane of this.#lanes) if (lane.batch.length === 0) lane.socket.close();
    this.#stopListening();
  }

  #work(): void {
    const lane = this.#lanes.find(({ batch }) => batch.length === 0);
    if (!lane || this.#waiting.length === 0) return;
    this.#listen();
    const asked = this.#waiting;
    this.#waiting = [];
    lane.group = randomInt(0x1000_0000, 0x7fff_ffff);
    lane.batch = asked.filter((one) => mark(lane, one));
    if (lane.batch.length === 0) return this.#stopListening();
    void deleteGroup(lane)
      .then(
        () => lane.batch.forEach(({ resolve }) => resolve()),
        (error: unknown) => lane.batch.forEach(({ reject }) => reject(error)),
      )
      .finally(() => {
        lane.batch = [];
        if (this.#closed) lane.socket.close();
        else this.#work();
        this.#stopListening();
      });
  }

  #listen(): void {
    if (this.#news) return;
    let socket: NetlinkSocket | undefined;
    try {
      socket = NetlinkSocket.open(NETLINK_ROUTE, { netns: this.#netns, nonBlocking: true, groups: [RTNLGRP_LINK] });
      this.#news = {
        socket,
        watch: socket.listen(
          'news of deleted links',
          (message) => this.#heard(message),
          () => {},
        ),
      };
    } catch {
      socket?.close(); // Neither lost notifications nor none at all do harm: the kernel's answer comes in any case.
    }
  }

  /** Nothing is in flight any more. */
  #stopListening(): void {
    if (!this.#news || (!this.#closed && this.#lanes.some(({ batch }) => batch.length > 0))) return;
    this.#news.watch.close();
    this.#news.socket.close();
    this.#news = undefined;
  }

  #heard({ type, payload }: NetlinkMessage): void {
    // A bridge reports its ports' departure in a family of its own, before the link is gone.
    if (type !== link.RTM_DELLINK || payload[0] !== AF_UNSPEC) return;
    const gone = link.parseInterface(payload);
    const lane = this.#lanes.find(({ group }) => group === gone?.group);
    lane?.batch.find(({ name }) => name === gone?.name)?.resolve();
  }
}

function mark(lane: Lane, { name, resolve, reject }: Waiting): boolean {
  const writer = new NetlinkWriter(128);
  writer.begin(link.RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK, lane.socket.nextSequence());
  writer.raw(link.linkHeader());
  writer.attributeString(link.IFLA_IFNAME, name);
  writer.attributeU32(IFLA_GROUP, lane.group);
  writer.end();
  try {
    lane.socket.request(writer, `delete link ${name}`);
    return true;
  } catch (error) {
    if (isKernelError(error, 'ENODEV')) resolve();
    else reject(error);
    return false;
  }
}

async function deleteGroup({ socket, group }: Lane): Promise<void> {
  const operation = 'delete links';
  const writer = new NetlinkWriter(64);
  const sequence = socket.nextSequence();
  writer.begin(link.RTM_DELLINK, NLM_F_REQUEST | NLM_F_ACK, sequence);
  writer.raw(link.linkHeader());
  writer.attributeU32(IFLA_GROUP, group);
  writer.end();
  const bytes = Buffer.from(writer.bytes());
  await socket.sendOnThread(bytes, operation);
  // The kernel worked while it was sent, so the answer is there.
  for (const message of readMessages(socket.receive(operation))) {
    if (message.sequence !== sequence || message.type !== NLMSG_ERROR) continue;
    const error = readError(message, operation);
    if (error && error.code !== 'ENODEV') throw error; // another program was quicker
  }
}
