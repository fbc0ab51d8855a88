/**
 * Published ports that respect the host's input policy. What the chain input-last hands over has passed every input
 * chain of this host; sent on from here it passes nat-output, which DNATs it to the container, with the client's
 * address. Only the first packets of a flow come this way (or a few, when more are in transit before the flow is
 * known).
 */
import { errorMessage, systemError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { PacketLog } from '../../kernel/packet-log.ts';
import { PacketSender } from '../../kernel/packet-sender.ts';
import { INPUT_GROUP } from '../firewall/ruleset.ts';

/** Throws where another program listens on the group. */
export function openInputGate(log: Log): { close(): void } {
  const sender = new PacketSender();
  const lead = (packet: Buffer): void => {
    try {
      sender.send(packet);
    } catch (error) {
      // As any packet that is lost: its sender sends it again, or gives up.
      log.debug({ error: errorMessage(error) }, 'a first packet to a published port was not led on');
    }
  };
  try {
    const packets = new PacketLog({ group: INPUT_GROUP, listener: lead });
    return {
      close: () => {
        packets.close();
        sender.close();
      },
    };
  } catch (error) {
    sender.close();
    throw systemError(
      `published ports cannot respect the input policy: group of logged packets ${INPUT_GROUP}: ${errorMessage(error)}`,
      error,
    );
  }
}
