/**
 * Chains and rules as netlink attributes: the few expressions that the small fixed rulesets of this room are made of.
 */
import { NLM_F_APPEND, NLM_F_CREATE, type NetlinkWriter } from '../netlink/message.ts';
import { writeData, type Verdict } from './elements.ts';

export const APPEND_RULE = NLM_F_CREATE | NLM_F_APPEND;
export const META_OIF = 5;
export const META_L4PROTO = 16;

const NFTA_LIST_ELEM = 1;
const NFTA_EXPR_NAME = 1;
const NFTA_EXPR_DATA = 2;
const NFT_REG_VERDICT = 0;
const NFT_REG_1 = 1;
const payloadBases = { link: 0, network: 1, transport: 2 } as const;
type PayloadBase = keyof typeof payloadBases;

export interface Expression {
  readonly name: string;
  write(writer: NetlinkWriter): void;
}

/** Loads packet metadata into the register. */
export function loadMeta(key: number): Expression {
  return {
    name: 'meta',
    write: (writer) => {
      writer.attributeU32BE(2, key);
      writer.attributeU32BE(1, NFT_REG_1);
    },
  };
}

/** Loads bytes of the packet into the register. */
export function loadPayload(base: PayloadBase, offset: number, length: number): Expression {
  return {
    name: 'payload',
    write: (writer) => {
      writer.attributeU32BE(1, NFT_REG_1);
      writer.attributeU32BE(2, payloadBases[base]);
      writer.attributeU32BE(3, offset);
      writer.attributeU32BE(4, length);
    },
  };
}

/** Goes on to the rule's next expression only if the register is (not) equal to the value. */
export function compare(operator: 'eq' | 'neq', value: Uint8Array): Expression {
  return {
    name: 'cmp',
    write: (writer) => {
      writer.attributeU32BE(1, NFT_REG_1);
      writer.attributeU32BE(2, operator === 'eq' ? 0 : 1);
      writeData(writer, 3, value);
    },
  };
}

/** Puts a value into the register. */
export function loadImmediate(value: Uint8Array): Expression {
  return {
    name: 'immediate',
    write: (writer) => {
      writer.attributeU32BE(1, NFT_REG_1);
      writeData(writer, 2, value);
    },
  };
}

export function verdict(value: Verdict): Expression {
  return {
    name: 'immediate',
    write: (writer) => {
      writer.attributeU32BE(1, NFT_REG_VERDICT);
      writeData(writer, 2, value);
    },
  };
}

/** Writes the register into the packet and corrects the Internet checksum at that offset of the same header. */
export function storePayload(base: PayloadBase, offset: number, length: number, checksumOffset: number): Expression {
  const CSUM_INET = 1;
  return {
    name: 'payload',
    write: (writer) => {
      writer.attributeU32BE(5, NFT_REG_1);
      writer.attributeU32BE(2, payloadBases[base]);
      writer.attributeU32BE(3, offset);
      writer.attributeU32BE(4, length);
      writer.attributeU32BE(6, CSUM_INET);
      writer.attributeU32BE(7, checksumOffset);
    },
  };
}

export function writeRule(
  writer: NetlinkWriter,
  table: string,
  chain: string,
  expressions: readonly Expression[],
): void {
  writer.attributeString(1, table);
  writer.attributeString(2, chain);
  writer.nest(4, () => {
    for (const expression of expressions) {
      writer.nest(NFTA_LIST_ELEM, () => {
        writer.attributeString(NFTA_EXPR_NAME, expression.name);
        writer.nest(NFTA_EXPR_DATA, () => expression.write(writer));
      });
    }
  });
}

export interface BaseChain {
  readonly table: string;
  readonly chain: string;
  readonly type: 'filter' | 'nat' | 'route';
  /** NF_INET_*: 0 prerouting, 1 input, 2 forward, 3 output, 4 postrouting. */
  readonly hook: number;
  readonly priority: number;
}

/** A base chain, which the kernel enters by itself; what no rule decides is accepted. */
export function writeBaseChain(writer: NetlinkWriter, chain: BaseChain): void {
  const NF_ACCEPT = 1;
  writer.attributeString(1, chain.table);
  writer.attributeString(3, chain.chain);
  writer.nest(4, () => {
    writer.attributeU32BE(1, chain.hook);
    writer.attributeU32BE(2, chain.priority);
  });
  writer.attributeU32BE(5, NF_ACCEPT);
  writer.attributeString(7, chain.type);
}
