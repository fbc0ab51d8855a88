/**
 * Copies of packets that a rule of nftables hands to a group (`log group NUMBER`): what becomes of the packets is the
 * rule's affair.
 */
import type { FdWatch } from './fd-watch.ts';
import { eachAttribute, NetlinkWriter, NLM_F_ACK, NLM_F_REQUEST, type NetlinkMessage } from './netlink/message.ts';
import { NETLINK_NETFILTER, NetlinkSocket } from './netlink/netlink-socket.ts';
import { NF_HEADER_BYTES } from './nftables/protocol.ts';

const SUBSYSTEM = 4 << 8; // NFNL_SUBSYS_ULOG
const MESSAGE_PACKET = SUBSYSTEM;
const MESSAGE_CONFIG = SUBSYSTEM | 1;
const CONFIG_COMMAND = 1;
const COMMAND_BIND = 1;
const CONFIG_MODE = 2;
const COPY_PACKET = 2;
const CONFIG_THRESHOLD = 5;
const PACKET_PAYLOAD = 9;
const PACKET_MAX_BYTES = 0xffff;
const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;

export class PacketLog {
  readonly #socket: NetlinkSocket;
  readonly #watch: FdWatch;

  /**
   * Listens in this process's network namespace, or in that at a path. `listener` gets packets from their IP header on,
   * only valid during the call; some may be lost when many come at once. KernelError EBUSY where another program has
   * the group.
   */
  constructor(options: { netns?: string; group: number; listener: (packet: Buffer) => void }) {
    this.#socket = NetlinkSocket.open(NETLINK_NETFILTER, { netns: options.netns });
    try {
      this.#socket.setBuffers({ receiveBytes: RECEIVE_BUFFER_BYTES });
      this.#configure(options.group, CONFIG_COMMAND, Buffer.from([COMMAND_BIND]));
      const mode = Buffer.alloc(6); // struct nfulnl_msg_config_mode
      mode.writeUInt32BE(PACKET_MAX_BYTES, 0);
      mode[4] = COPY_PACKET;
      this.#configure(options.group, CONFIG_MODE, mode);
      this.#configure(options.group, CONFIG_THRESHOLD, Buffer.from([0, 0, 0, 1])); // each at once
    } catch (error) {
      this.#socket.close();
      throw error;
    }
    const take = ({ type, payload }: NetlinkMessage): void => {
      if (type !== MESSAGE_PACKET) return;
      eachAttribute(payload, NF_HEADER_BYTES, (attribute, value) => {
        if (attribute === PACKET_PAYLOAD) options.listener(value);
      });
    };
    this.#watch = this.#socket.listen('receive logged packets', take, () => {});
  }

  close(): void {
    this.#watch.close();
    this.#socket.close();
  }

  #configure(group: number, attribute: number, value: Buffer): void {
    const writer = new NetlinkWriter(64);
    writer.begin(MESSAGE_CONFIG, NLM_F_REQUEST | NLM_F_ACK, this.#socket.nextSequence());
    writer.raw(Buffer.from([0, 0, group >> 8, group & 0xff])); // struct nfgenmsg
    writer.attribute(attribute, value);
    writer.end();
    this.#socket.request(writer, `listen on packet log group ${group}`);
  }
}
