/**
 * The small table inside a container's own network namespace through which its programs reach the resolver: what they
 * send to 127.0.0.11:53 arrives at the resolver's own port, and its replies come from 53 again. So a container can run
 * a DNS server of its own on :53.
 *
 * It rewrites ports without connection tracking: both directions pass the loopback's output, so nothing has to be
 * remembered. A container's namespace then has no connection tracking at all (a NAT rule would switch it on for every
 * packet of the container and keep an entry for every query), and there is no table of flows that could be full.
 */
import { ipBytes } from '../socket-address.ts';
import { NLM_F_CREATE } from '../netlink/message.ts';
import { NftSocket, prepareBatch, type NftBatch, type PreparedBatch } from './batch.ts';
import { u16Field } from './elements.ts';
import * as rule from './expressions.ts';
import * as protocol from './protocol.ts';

const REDIRECT_TABLE = 'causeway-dns';
const CHAIN = 'output';
const NF_INET_LOCAL_OUT = 3;
const PRIORITY = -350; // before connection tracking (-200) and before the container's own rules
const LOOPBACK_INDEX = 1;
const DNS_PORT = 53;
const UDP = { protocol: 17, checksumOffset: 6 } as const;
const TCP = { protocol: 6, checksumOffset: 16 } as const;

export interface ResolverRedirect {
  /** IPv4 address that the containers' resolv.conf names: 127.0.0.11. */
  readonly address: string;
  /** Where the resolver really listens, at the same address. */
  readonly udpPort: number;
  readonly tcpPort: number;
}

// Containers get the same ports (each has a namespace of its own), so the last transaction is nearly always the next
// one too.
let prepared: { readonly key: string; readonly batch: PreparedBatch } | undefined;

/**
 * Writes the table, in place of the one that may be there, in one transaction. 0.25 ms, nearly all of it the kernel's
 * (a fresh namespace registers its first hook).
 */
export function writeResolverRedirect(netns: string, redirect: ResolverRedirect): void {
  const key = `${redirect.address} ${redirect.udpPort} ${redirect.tcpPort}`;
  if (prepared?.key !== key) prepared = { key, batch: prepareBatch((batch) => writeTable(batch, redirect)) };
  const socket = NftSocket.open(netns);
  try {
    socket.runPrepared(prepared.batch);
  } finally {
    socket.close();
  }
}

function writeTable(batch: NftBatch, redirect: ResolverRedirect): void {
  const { writer } = batch;
  const operation = `redirect ${redirect.address}:${DNS_PORT} to the resolver`;
  const table = (type: number, flags: number) =>
    batch.message(operation, type, flags, 'ip', () => writer.attributeString(1, REDIRECT_TABLE));
  // Made if it is missing, then deleted, then made again: whatever was there is gone, in one instant.
  table(protocol.NFT_MSG_NEWTABLE, NLM_F_CREATE);
  table(protocol.NFT_MSG_DELTABLE, 0);
  table(protocol.NFT_MSG_NEWTABLE, NLM_F_CREATE);
  batch.message(operation, protocol.NFT_MSG_NEWCHAIN, NLM_F_CREATE, 'ip', () =>
    rule.writeBaseChain(writer, {
      table: REDIRECT_TABLE,
      chain: CHAIN,
      type: 'filter',
      hook: NF_INET_LOCAL_OUT,
      priority: PRIORITY,
    }),
  );
  const add = (...expressions: rule.Expression[]) =>
    batch.message(operation, protocol.NFT_MSG_NEWRULE, rule.APPEND_RULE, 'ip', () =>
      rule.writeRule(writer, REDIRECT_TABLE, CHAIN, expressions),
    );
  // All that leaves the container pays for this one comparison, and no more.
  add(rule.loadMeta(rule.META_OIF), rule.compare('neq', u32(LOOPBACK_INDEX)), rule.verdict({ verdict: 'accept' }));
  const address = ipBytes(redirect.address);
  for (const [{ protocol: number, checksumOffset }, port] of [
    [UDP, redirect.udpPort],
    [TCP, redirect.tcpPort],
  ] as const) {
    const rewrite = (addressOffset: number, portOffset: number, from: number, to: number) =>
      add(
        rule.loadPayload('network', addressOffset, 4),
        rule.compare('eq', address),
        rule.loadMeta(rule.META_L4PROTO),
        rule.compare('eq', Buffer.from([number])),
        rule.loadPayload('transport', portOffset, 2),
        rule.compare('eq', u16Field(from)),
        rule.loadImmediate(u16Field(to)),
        rule.storePayload('transport', portOffset, 2, checksumOffset),
      );
    rewrite(IPV4_DESTINATION, PORT_DESTINATION, DNS_PORT, port);
    rewrite(IPV4_SOURCE, PORT_SOURCE, port, DNS_PORT);
  }
}

const IPV4_SOURCE = 12;
const IPV4_DESTINATION = 16;
const PORT_SOURCE = 0;
const PORT_DESTINATION = 2;

function u32(value: number): Buffer {
  const out = Buffer.alloc(4);
  out.writeUInt32LE(value, 0);
  return out;
}
