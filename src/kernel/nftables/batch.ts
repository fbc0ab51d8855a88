/**
 * nftables over raw netlink, for what comes and goes with containers: elements of sets and maps, changed in one atomic
 * transaction that costs the same whatever else the table holds (11 us a change with 200 sets and 500 rules present,
 * where libnftables needs 320-600 us because it fetches the table again). Whole rulesets are ruleset.ts's.
 */
import { isKernelError, KernelError } from '../errors.ts';
import {
  attributeText,
  attributeU32BE,
  eachAttribute,
  NetlinkWriter,
  NLM_F_ACK,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_REQUEST,
  NLMSG_ERROR,
  readAttributes,
  readMessages,
} from '../netlink/message.ts';
import { NETLINK_NETFILTER, NetlinkSocket, readError } from '../netlink/netlink-socket.ts';
import {
  elementMaxBytes,
  joinIntervals,
  parseElements,
  writeElement,
  writeKey,
  type IntervalForm,
  type ListedElement,
  type SetElement,
} from './elements.ts';
import * as protocol from './protocol.ts';
import type { NftFamily } from './protocol.ts';

export { concatenate, interfaceNameField, markField, u16Field } from './elements.ts';
export type { SetElement, Verdict } from './elements.ts';
export type { NftFamily } from './protocol.ts';

export interface SetName {
  readonly family: NftFamily;
  readonly table: string;
  readonly set: string;
}

export type ElementChange = SetName &
  (
    | {
        /** What is there already, identical, is fine. With other data it is EEXIST, unless `replace`. */
        readonly op: 'add';
        readonly elements: readonly SetElement[];
        readonly replace?: boolean;
      }
    | {
        /** By key; data does not count. What is absent is ENOENT, unless `ignoreAbsent`. */
        readonly op: 'delete';
        readonly elements: readonly SetElement[];
        readonly ignoreAbsent?: boolean;
      }
    | { /** Empties the set. */ readonly op: 'flush' }
  );

const NFTA_SET_ELEM_LIST_TABLE = 1;
const NFTA_SET_ELEM_LIST_SET = 2;
const NFTA_SET_ELEM_LIST_ELEMENTS = 3;
const NFTA_SET_TABLE = 1;
const NFTA_SET_NAME = 2;
const NFTA_SET_FLAGS = 3;
const NFT_SET_INTERVAL = 0x04;
const NFT_SET_CONCAT = 0x80;
const NFTA_GEN_ID = 1;
const NFTA_GEN_PROC_PID = 2;
const NFNL_BATCH_GENID = 1;
const LIST_MAX_BYTES = 60_000; // an attribute's length has 16 bits
const DEFAULT_SEND_BUFFER_BYTES = 100_000;

/** One batch under construction: messages between the begin and the end that make them a transaction. */
export interface NftBatch {
  readonly writer: NetlinkWriter;
  /** Begins a message of the batch; `operation` names it in the error if the kernel refuses it. */
  message(operation: string, type: number, flags: number, family: NftFamily, content: () => void): void;
}

export class NftSocket {
  readonly #socket: NetlinkSocket;
  readonly #writer = new NetlinkWriter(4096);
  readonly #knownFlags = new Map<string, number>();
  #sendBufferBytes = DEFAULT_SEND_BUFFER_BYTES;

  private constructor(socket: NetlinkSocket) {
    this.#socket = socket;
  }

  /** Opens in the namespace at the path and stays in it. */
  static open(netns?: string): NftSocket {
    return new NftSocket(NetlinkSocket.open(NETLINK_NETFILTER, { netns }));
  }

  close(): void {
    this.#socket.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** The socket's netlink address: RulesetMonitor knows by it which changes were made here. */
  get portId(): number {
    return this.#socket.portId;
  }

  /** Number of the ruleset's state in this namespace; every transaction that changes something adds one. */
  generation(): number {
    return this.readGeneration().generation;
  }

  /**
   * The same, with the pid by which the kernel names this process in ruleset notifications (another one in a PID
   * namespace).
   */
  readGeneration(): { generation: number; pid: number } {
    this.#writer.clear();
    this.#writer.begin(protocol.NFT_MSG_GETGEN, NLM_F_REQUEST | NLM_F_ACK, this.#socket.nextSequence());
    this.#writer.raw(protocol.nfHeader(undefined));
    this.#writer.end();
    let generation = 0;
    let pid = 0;
    this.#socket.request(this.#writer, 'read the ruleset generation', ({ payload }) => {
      const attributes = readAttributes(payload, protocol.NF_HEADER_BYTES);
      generation = attributeU32BE(attributes.get(NFTA_GEN_ID)) ?? 0;
      pid = attributeU32BE(attributes.get(NFTA_GEN_PROC_PID)) ?? 0;
    });
    return { generation, pid };
  }

  /**
   * All changes or none, in order, seen by packets at one instant. A refusal names the change. With `generation` the
   * kernel refuses (ERESTART) if the ruleset was changed since that number was read.
   */
  commit(changes: readonly ElementChange[], options: { generation?: number } = {}): void {
    const steps = changes.flatMap(expandReplace).map((change) => ({
      form: this.#intervalForm(change),
      ...this.#prepare(change),
    }));
    this.runMessages((batch) => {
      for (const step of steps) this.#writeChange(batch, step.change, step.form, step.type);
    }, options);
  }

  /** Empties a set or map. */
  flushSet(name: SetName): void {
    this.commit([{ ...name, op: 'flush' }]);
  }

  /** The elements of a set or map as they are now, intervals in key order, others in the kernel's. */
  listElements(name: SetName): SetElement[] {
    const form = this.#intervalForm(name);
    let elements: ListedElement[] = [];
    this.#writer.clear();
    this.#writer.begin(protocol.NFT_MSG_GETSETELEM, NLM_F_REQUEST | NLM_F_DUMP, this.#socket.nextSequence());
    this.#writeSetName(this.#writer, name);
    this.#writer.end();
    this.#socket.dump(
      this.#writer,
      `list set ${describe(name)}`,
      ({ payload }) => elements.push(...elementsOf(payload)),
      () => (elements = []),
    );
    return joinIntervals(elements, form === 'pair');
  }

  /** Whether the set has an element with exactly this key. */
  hasElement(name: SetName, element: SetElement): boolean {
    const form = this.#intervalForm(name);
    this.#writer.clear();
    this.#writer.begin(protocol.NFT_MSG_GETSETELEM, NLM_F_REQUEST | NLM_F_ACK, this.#socket.nextSequence());
    this.#writeSetName(this.#writer, name);
    this.#writer.nest(NFTA_SET_ELEM_LIST_ELEMENTS, () => writeKey(this.#writer, element, form));
    this.#writer.end();
    let found = false;
    try {
      this.#socket.request(this.#writer, `find an element of ${describe(name)}`, ({ payload }) => {
        // Of a set with intervals the kernel gives the one that contains the key.
        if (
          form === 'inside' ||
          elementsOf(payload).some((listed) => !listed.end && listed.element.key.equals(element.key))
        )
          found = true;
      });
    } catch (error) {
      if (!isKernelError(error, 'ENOENT')) throw error;
    }
    return found;
  }

  /** Lists by a message of any kind. `begin` is called before each attempt: what came until then is void. */
  dumpMessages(
    operation: string,
    type: number,
    family: NftFamily,
    question: (writer: NetlinkWriter) => void,
    visit: (payload: Buffer) => void,
    begin: () => void,
  ): void {
    this.#writer.clear();
    this.#writer.begin(type, NLM_F_REQUEST | NLM_F_DUMP, this.#socket.nextSequence());
    this.#writer.raw(protocol.nfHeader(family));
    question(this.#writer);
    this.#writer.end();
    this.#socket.dump(this.#writer, operation, ({ payload }) => visit(payload), begin);
  }

  /**
   * Sends messages of any kind as one transaction: for small rulesets, where libnftables would cost ten times as much.
   */
  runMessages(content: (batch: NftBatch) => void, options: { generation?: number } = {}): void {
    const batch = encodeBatch(this.#writer, () => this.#socket.nextSequence(), content, options.generation);
    if (batch) this.#transact(batch);
  }

  /**
   * Sends what `prepareBatch` made. Only as the first transaction of a socket: the numbers of its messages are fixed.
   */
  runPrepared(batch: PreparedBatch): void {
    this.#transact(batch);
  }

  #transact({ bytes, operations, begin, last }: PreparedBatch): void {
    if (bytes.length > this.#sendBufferBytes) {
      // The transaction is one datagram, and has to fit into the buffer with the kernel's own overhead.
      this.#sendBufferBytes = bytes.length * 2;
      this.#socket.setBuffers({ sendBytes: this.#sendBufferBytes });
    }
    this.#socket.send(bytes, operations.get(begin)!);
    let first: KernelError | undefined;
    for (;;) {
      for (const message of readMessages(this.#socket.receive('nftables transaction'))) {
        const operation = operations.get(message.sequence);
        if (operation === undefined || message.type !== NLMSG_ERROR) continue; // of an earlier transaction
        const error = readError(message, operation);
        first ??= error;
        // The answer for the whole (commit refused, generation gone) or for the last message ends it.
        if (message.sequence === begin || message.sequence === last) {
          if (!first) return;
          this.#knownFlags.clear();
          throw first;
        }
      }
    }
  }

  #writeChange(batch: NftBatch, change: ElementChange, form: IntervalForm, type: number): void {
    if (change.op === 'flush') {
      batch.message(`flush set ${describe(change)}`, type, 0, change.family, () => writeNames(batch.writer, change));
      return;
    }
    const adding = change.op === 'add';
    const operation = `${adding ? 'add to' : 'delete from'} ${describe(change)}`;
    writeElements(batch, operation, type, adding ? NLM_F_CREATE : 0, change, change.elements, form, adding);
  }

  #writeSetName(writer: NetlinkWriter, name: SetName): void {
    writer.raw(protocol.nfHeader(name.family));
    writeNames(writer, name);
  }

  #intervalForm(name: SetName): IntervalForm {
    const flags = this.#setFlags(name);
    return flags & NFT_SET_INTERVAL && !(flags & NFT_SET_CONCAT) ? 'pair' : 'inside';
  }

  // Which message a change is. Before Linux 6.3 the kernel cannot be told to ignore what is absent: it is left out
  // beforehand.
  #prepare(change: ElementChange): { change: ElementChange; type: number } {
    if (change.op === 'add') return { change, type: protocol.NFT_MSG_NEWSETELEM };
    if (change.op === 'flush' || !change.ignoreAbsent) return { change, type: protocol.NFT_MSG_DELSETELEM };
    if (destroysQuietly(this)) return { change, type: protocol.NFT_MSG_DESTROYSETELEM };
    const elements = change.elements.filter((element) => this.hasElement(change, element));
    return { change: { ...change, elements }, type: protocol.NFT_MSG_DELSETELEM };
  }

  // Asked once for each set, as long as nothing is refused: the sets of a table are its schema and do not change their
  // kind.
  #setFlags(name: SetName): number {
    const operation = `find set ${describe(name)}`;
    const known = this.#knownFlags.get(operation);
    if (known !== undefined) return known;
    const writer = new NetlinkWriter(256);
    writer.begin(protocol.NFT_MSG_GETSET, NLM_F_REQUEST | NLM_F_ACK, this.#socket.nextSequence());
    writer.raw(protocol.nfHeader(name.family));
    writer.attributeString(NFTA_SET_TABLE, name.table);
    writer.attributeString(NFTA_SET_NAME, name.set);
    writer.end();
    let flags = 0;
    this.#socket.request(writer, operation, ({ payload }) => {
      const attributes = readAttributes(payload, protocol.NF_HEADER_BYTES);
      if (attributeText(attributes.get(NFTA_SET_NAME)) === name.set)
        flags = attributeU32BE(attributes.get(NFTA_SET_FLAGS)) ?? 0;
    });
    this.#knownFlags.set(operation, flags);
    return flags;
  }
}

/** Adds elements to a set that the same transaction makes: one without intervals, which cannot be queried yet. */
export function addToNewSet(batch: NftBatch, name: SetName, elements: readonly SetElement[]): void {
  writeElements(
    batch,
    `add to ${describe(name)}`,
    protocol.NFT_MSG_NEWSETELEM,
    NLM_F_CREATE,
    name,
    elements,
    'inside',
    true,
  );
}

// As many messages as the elements need: a list of them has at most 64 KiB.
function writeElements(
  batch: NftBatch,
  operation: string,
  type: number,
  flags: number,
  name: SetName,
  elements: readonly SetElement[],
  form: IntervalForm,
  withData: boolean,
): void {
  let next = 0;
  while (next < elements.length) {
    batch.message(operation, type, flags, name.family, () => {
      writeNames(batch.writer, name);
      batch.writer.nest(NFTA_SET_ELEM_LIST_ELEMENTS, () => {
        const start = batch.writer.length;
        do writeElement(batch.writer, elements[next++]!, form, withData);
        while (
          next < elements.length &&
          batch.writer.length - start + elementMaxBytes(elements[next]!) < LIST_MAX_BYTES
        );
      });
    });
  }
}

/** A transaction as bytes, and what its messages are called in errors. */
export interface PreparedBatch {
  readonly bytes: Buffer;
  readonly operations: ReadonlyMap<number, string>;
  readonly begin: number;
  readonly last: number;
}

/** Makes a transaction that can be sent many times, to fresh sockets (NftSocket.runPrepared). */
export function prepareBatch(content: (batch: NftBatch) => void): PreparedBatch {
  let sequence = 0x7000_0000; // far from where a socket's own numbers begin
  const batch = encodeBatch(new NetlinkWriter(2048), () => ++sequence, content);
  if (!batch) throw new RangeError('a transaction without messages');
  return batch;
}

function encodeBatch(
  writer: NetlinkWriter,
  nextSequence: () => number,
  content: (batch: NftBatch) => void,
  generation?: number,
): PreparedBatch | undefined {
  writer.clear();
  const begin = nextSequence();
  writer.begin(protocol.NFNL_MSG_BATCH_BEGIN, NLM_F_REQUEST, begin);
  writer.raw(protocol.nfHeader(undefined, protocol.NFNL_SUBSYS_NFTABLES));
  if (generation !== undefined) writer.attributeU32BE(NFNL_BATCH_GENID, generation);
  writer.end();
  const operations = new Map<number, string>([[begin, 'nftables transaction']]);
  let last = begin;
  let lastAt = 0;
  content({
    writer,
    message: (operation, type, flags, family, write) => {
      last = nextSequence();
      lastAt = writer.length;
      operations.set(last, operation);
      writer.begin(type, NLM_F_REQUEST | flags, last);
      writer.raw(protocol.nfHeader(family));
      write();
      writer.end();
    },
  });
  if (last === begin) return undefined;
  // Refusals are reported for every message; success only for the one that asks: the last, so that many messages never
  // overflow the receive buffer with acknowledgements.
  const bytes = writer.bytes();
  bytes.writeUInt16LE(bytes.readUInt16LE(lastAt + 6) | NLM_F_ACK, lastAt + 6);
  writer.begin(protocol.NFNL_MSG_BATCH_END, NLM_F_REQUEST, nextSequence());
  writer.raw(protocol.nfHeader(undefined, protocol.NFNL_SUBSYS_NFTABLES));
  writer.end();
  return { bytes: writer.bytes(), operations, begin, last };
}

let quiet: boolean | undefined;

// Asked once: to destroy a table that is not there changes nothing where the message is known, and is EINVAL where not.
function destroysQuietly(socket: NftSocket): boolean {
  return (quiet ??= ask());
  function ask(): boolean {
    try {
      socket.runMessages((batch) =>
        batch.message('probe', protocol.NFT_MSG_DESTROYTABLE, 0, 'inet', () =>
          batch.writer.attributeString(1, 'causeway probe'),
        ),
      );
      return true;
    } catch (error) {
      if (isKernelError(error, 'EINVAL', 'EOPNOTSUPP')) return false;
      throw error;
    }
  }
}

// A replacement is a deletion that does not mind, and an addition.
function expandReplace(change: ElementChange): ElementChange[] {
  if (change.op !== 'add' || !change.replace) return [change];
  const { family, table, set, elements } = change;
  return [{ family, table, set, op: 'delete', elements, ignoreAbsent: true }, change];
}

function writeNames(writer: NetlinkWriter, name: SetName): void {
  writer.attributeString(NFTA_SET_ELEM_LIST_TABLE, name.table);
  writer.attributeString(NFTA_SET_ELEM_LIST_SET, name.set);
}

function elementsOf(payload: Buffer): ListedElement[] {
  const lists: ListedElement[] = [];
  eachAttribute(payload, protocol.NF_HEADER_BYTES, (type, value) => {
    if (type === NFTA_SET_ELEM_LIST_ELEMENTS) lists.push(...parseElements(value));
  });
  return lists;
}

function describe(name: SetName): string {
  return `${name.family} ${name.table} ${name.set}`;
}
