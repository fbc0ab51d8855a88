/**
 * A table's rules as the kernel keeps them, read once and written again in one transaction: 1 ms where libnftables
 * takes ten, which counts when the ruleset has just been flushed. What is in the sets is not part of it.
 */
import { isKernelError } from '../errors.ts';
import { attributeText, attributeU32BE, eachAttribute, NLM_F_CREATE, NLM_F_EXCL } from '../netlink/message.ts';
import type { NftBatch, NftSocket } from './batch.ts';
import { APPEND_RULE } from './expressions.ts';
import * as protocol from './protocol.ts';
import type { NftFamily } from './protocol.ts';

type Attributes = readonly (readonly [type: number, value: Buffer])[];

export interface TableCopy {
  readonly family: NftFamily;
  readonly table: string;
  readonly chains: readonly Attributes[];
  readonly sets: readonly Attributes[];
  readonly rules: readonly Attributes[];
}

const { NFTA_TABLE_NAME } = protocol;
const NFTA_CHAIN_PARTS = new Set([1, 3, 4, 5, 7, 12]); // table, name, hook, policy, type, user data
const NFTA_SET_PARTS = new Set([1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 16, 17, 18]); // all except what the kernel assigns itself
const NFTA_RULE_PARTS = new Set([1, 2, 4, 7]); // table, chain, expressions, user data
const NFTA_RULE_CHAIN = 2;
const NFTA_SET_FLAGS = 3;
const NFTA_SET_ID = 10;
const NFT_SET_ANONYMOUS = 1;

/**
 * Undefined where the table is not there, or has anonymous sets ({ 80, 443 } in a rule): those cannot be named in a
 * copy.
 */
export function readTable(socket: NftSocket, family: NftFamily, table: string): TableCopy | undefined {
  try {
    return atOneMoment(socket, () => readParts(socket, family, table));
  } catch (error) {
    if (isKernelError(error, 'ENOENT')) return undefined;
    throw error;
  }
}

const ATTEMPTS = 5;

/** What is read in several steps, all of the same ruleset; undefined where others change it all the time. */
function atOneMoment<T>(socket: NftSocket, read: () => T): T | undefined {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const generation = socket.generation();
    const result = read();
    if (socket.generation() === generation) return result;
  }
  return undefined;
}

function readParts(socket: NftSocket, family: NftFamily, table: string): TableCopy | undefined {
  const read = (operation: string, type: number, parts: ReadonlySet<number>): Attributes[] => {
    let found: Attributes[] = [];
    const begin = () => (found = []);
    socket.dumpMessages(
      `list ${operation} of ${table}`,
      type,
      family,
      (writer) => writer.attributeString(NFTA_TABLE_NAME, table),
      (payload) => {
        const attributes: [number, Buffer][] = [];
        let own = false;
        eachAttribute(payload, protocol.NF_HEADER_BYTES, (number, value) => {
          if (number === NFTA_TABLE_NAME) own = attributeText(value) === table;
          if (parts.has(number)) attributes.push([number, Buffer.from(value)]);
        });
        if (own) found.push(attributes);
      },
      begin,
    );
    return found;
  };
  const chains = read('chains', protocol.NFT_MSG_GETCHAIN, NFTA_CHAIN_PARTS);
  const sets = read('sets', protocol.NFT_MSG_GETSET, NFTA_SET_PARTS);
  const rules = read('rules', protocol.NFT_MSG_GETRULE, NFTA_RULE_PARTS);
  const anonymous = sets.some((set) =>
    set.some(([type, value]) => type === NFTA_SET_FLAGS && ((attributeU32BE(value) ?? 0) & NFT_SET_ANONYMOUS) !== 0),
  );
  return chains.length === 0 || anonymous ? undefined : { family, table, chains, sets, rules };
}

/** The copy with the rules that a chain has in another copy of the same table. */
export function withChain(copy: TableCopy, other: TableCopy, chain: string): TableCopy {
  const isIn = (rule: Attributes) =>
    rule.some(([type, value]) => type === NFTA_RULE_CHAIN && attributeText(value) === chain);
  return { ...copy, rules: [...copy.rules.filter((rule) => !isIn(rule)), ...other.rules.filter(isIn)] };
}

/** Adds the table to a transaction, which fails with EEXIST where the table is there already. */
export function writeTable(batch: NftBatch, copy: TableCopy): void {
  const { family, table, chains, sets, rules } = copy;
  const { writer } = batch;
  const write = (attributes: Attributes) => {
    for (const [type, value] of attributes) writer.attribute(type, value);
  };
  const operation = `write table ${table} again`;
  batch.message(operation, protocol.NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL, family, () =>
    writer.attributeString(NFTA_TABLE_NAME, table),
  );
  for (const chain of chains)
    batch.message(operation, protocol.NFT_MSG_NEWCHAIN, NLM_F_CREATE, family, () => write(chain));
  sets.forEach((set, index) =>
    batch.message(operation, protocol.NFT_MSG_NEWSET, NLM_F_CREATE, family, () => {
      write(set);
      writer.attributeU32BE(NFTA_SET_ID, index + 1);
    }),
  );
  for (const rule of rules) batch.message(operation, protocol.NFT_MSG_NEWRULE, APPEND_RULE, family, () => write(rule));
}
