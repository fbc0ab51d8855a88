/** The numbers of nf_tables' netlink protocol, and the header that each of its messages begins with. */
export const NFNL_MSG_BATCH_BEGIN = 0x10;
export const NFNL_MSG_BATCH_END = 0x11;
export const NFNL_SUBSYS_NFTABLES = 10;
export const NFNLGRP_NFTABLES = 7;

const nft = (message: number) => (NFNL_SUBSYS_NFTABLES << 8) | message;
/** In messages about tables; the same number names the table in those about chains, sets and rules. */
export const NFTA_TABLE_NAME = 1;
export const NFT_MSG_NEWTABLE = nft(0);
export const NFT_MSG_DELTABLE = nft(2);
export const NFT_MSG_NEWCHAIN = nft(3);
export const NFT_MSG_GETCHAIN = nft(4);
export const NFT_MSG_NEWRULE = nft(6);
export const NFT_MSG_GETRULE = nft(7);
export const NFT_MSG_DELRULE = nft(8);
export const NFT_MSG_NEWSET = nft(9);
export const NFT_MSG_GETSET = nft(10);
export const NFT_MSG_NEWSETELEM = nft(12);
export const NFT_MSG_GETSETELEM = nft(13);
export const NFT_MSG_DELSETELEM = nft(14);
export const NFT_MSG_NEWGEN = nft(15);
export const NFT_MSG_GETGEN = nft(16);
/** Deletes without minding that there is nothing (Linux 6.3). */
export const NFT_MSG_DESTROYTABLE = nft(26);
export const NFT_MSG_DESTROYSETELEM = nft(30);

export type NftFamily = 'inet' | 'ip' | 'ip6' | 'arp' | 'netdev' | 'bridge';

const familyNumbers: Readonly<Record<NftFamily, number>> = { inet: 1, ip: 2, arp: 3, netdev: 5, bridge: 7, ip6: 10 };

/** struct nfgenmsg. `resource` is the subsystem in the messages that begin and end a batch, else 0. */
export function nfHeader(family: NftFamily | undefined, resource = 0): Buffer {
  return Buffer.from([family === undefined ? 0 : familyNumbers[family], 0, resource >> 8, resource & 0xff]);
}

export const NF_HEADER_BYTES = 4;

const verdictCodes = { accept: 1, drop: 0, continue: -1, break: -2, jump: -3, goto: -4, return: -5 } as const;
export type VerdictName = keyof typeof verdictCodes;

export function verdictCode(name: VerdictName): number {
  return verdictCodes[name];
}

export function verdictName(code: number): VerdictName | undefined {
  return (Object.keys(verdictCodes) as VerdictName[]).find((name) => verdictCodes[name] === code);
}
