/**
 * Whether the kernel has nftables for a family of packets. Asked in the kernel's own words: libnftables cannot be used
 * at any time (select() and high descriptors).
 */
import { isKernelError } from '../errors.ts';
import { NLM_F_CREATE } from '../netlink/message.ts';
import type { NftSocket } from './batch.ts';
import * as protocol from './protocol.ts';
import type { NftFamily } from './protocol.ts';

/** By making a table called `name` and deleting it in one transaction. */
export function knowsFamily(socket: NftSocket, family: NftFamily, name: string): boolean {
  try {
    socket.runMessages((batch) => {
      const table = (type: number, flags: number): void =>
        batch.message(`probe for ${family}`, type, flags, family, () =>
          batch.writer.attributeString(protocol.NFTA_TABLE_NAME, name),
        );
      table(protocol.NFT_MSG_NEWTABLE, NLM_F_CREATE);
      table(protocol.NFT_MSG_DELTABLE, 0);
    });
    return true;
  } catch (error) {
    if (!isKernelError(error)) throw error;
    return false;
  }
}
