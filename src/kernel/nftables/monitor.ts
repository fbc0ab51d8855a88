/** Notifications that the ruleset of a namespace has changed, and whether this process did it itself. */
import { processName } from '../process.ts';
import type { FdWatch } from '../fd-watch.ts';
import { attributeText, attributeU32BE, readAttributes, type NetlinkMessage } from '../netlink/message.ts';
import { NETLINK_NETFILTER, NetlinkSocket } from '../netlink/netlink-socket.ts';
import { NftSocket } from './batch.ts';
import {
  NF_HEADER_BYTES,
  NFNLGRP_NFTABLES,
  NFT_MSG_DELRULE,
  NFT_MSG_DELTABLE,
  NFT_MSG_NEWGEN,
  NFT_MSG_NEWRULE,
  NFTA_TABLE_NAME,
} from './protocol.ts';

export interface RulesetNews {
  /** The ruleset's number after the change (NftSocket.generation). */
  readonly generation: number;
  /** This process made it (libnftables in this process counts). */
  readonly own: boolean;
  /** The netlink address of the socket that made it. */
  readonly portId: number;
  readonly pid: number;
  readonly program: string;
  /** The tables that this transaction deleted, as 'family-number name' ('1 filter' is inet). */
  readonly deletedTables: readonly string[];
  /** The tables, named likewise, in which it added or deleted rules. */
  readonly ruleTables: ReadonlySet<string>;
}

export type RulesetListener = (news: RulesetNews | 'overrun') => void;

const TOLD = new Set([NFT_MSG_DELTABLE, NFT_MSG_NEWRULE, NFT_MSG_DELRULE, NFT_MSG_NEWGEN]);
const RECEIVE = 'receive ruleset news';
const NFTA_GEN_ID = 1;
const NFTA_GEN_PROC_PID = 2;
const NFTA_GEN_PROC_NAME = 3;
const RECEIVE_BUFFER_BYTES = 2 * 1024 * 1024; // a flush of a large ruleset names every rule

export class RulesetMonitor {
  readonly #socket: NetlinkSocket;
  readonly #watch: FdWatch;
  readonly #ownPid: number;
  readonly #drained: (lost: boolean) => void;
  #news: (RulesetNews | 'overrun')[] = [];
  #deletedTables: string[] = [];
  #ruleTables = new Set<string>();

  private constructor(socket: NetlinkSocket, ownPid: number, listener: RulesetListener) {
    this.#socket = socket;
    this.#ownPid = ownPid;
    this.#drained = (lost) => {
      const batch = lost ? [...this.#news, 'overrun' as const] : this.#news;
      this.#news = [];
      for (const item of batch) listener(item);
    };
    this.#watch = socket.listen(RECEIVE, this.#visit, this.#drained);
  }

  readonly #visit = (message: NetlinkMessage): void => {
    const item = this.#read(message);
    if (item) this.#news.push(item);
  };

  /** Tells now of all that has happened so far, without waiting for the event loop to come to it. */
  catchUp(): void {
    this.#drained(this.#socket.drain(RECEIVE, this.#visit));
  }

  /** Calls the listener once for each transaction that changes something, 'overrun' when some may have been missed. */
  static open(options: { netns?: string; listener: RulesetListener }): RulesetMonitor {
    const { netns, listener } = options;
    const socket = NetlinkSocket.open(NETLINK_NETFILTER, { netns, nonBlocking: true, groups: [NFNLGRP_NFTABLES] });
    socket.setBuffers({ receiveBytes: RECEIVE_BUFFER_BYTES });
    // Asked, not process.pid: notifications name processes by their pid outside of any PID namespace.
    const asking = NftSocket.open(netns);
    const { pid } = asking.readGeneration();
    asking.close();
    return new RulesetMonitor(socket, pid, listener);
  }

  close(): void {
    this.#watch.close();
    this.#socket.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  // A transaction is reported as its changes, one message each, and then the new generation.
  #read(message: NetlinkMessage): RulesetNews | undefined {
    if (!TOLD.has(message.type)) return undefined; // an element, mostly
    const attributes = readAttributes(message.payload, NF_HEADER_BYTES);
    if (message.type !== NFT_MSG_NEWGEN) {
      // A rule names its table in the same attribute as a table does itself.
      const table = `${message.payload[0]} ${attributeText(attributes.get(NFTA_TABLE_NAME))}`;
      if (message.type === NFT_MSG_DELTABLE) this.#deletedTables.push(table);
      else this.#ruleTables.add(table);
      return undefined;
    }
    const ruleTables = this.#ruleTables;
    this.#ruleTables = new Set();
    const deletedTables = this.#deletedTables;
    this.#deletedTables = [];
    const pid = attributeU32BE(attributes.get(NFTA_GEN_PROC_PID)) ?? 0;
    return {
      generation: attributeU32BE(attributes.get(NFTA_GEN_ID)) ?? 0,
      own: pid === this.#ownPid,
      portId: message.portId,
      pid,
      program: attributeText(attributes.get(NFTA_GEN_PROC_NAME)) || (processName(pid) ?? ''),
      deletedTables,
      ruleTables,
    };
  }
}
