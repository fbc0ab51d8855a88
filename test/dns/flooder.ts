/**
 * A container that asks without end, as a program: `flooder NETNS PORT COUNT NAME` sends COUNT questions as fast as it
 * can, each for a name of its own if NAME contains `*`, and reads no answer.
 */
import { encodeMessage, question } from '../../src/dns/message.ts';
import { RESOLVER_ADDRESS } from '../../src/base/dns-zone.ts';
import { DatagramBatch } from '../../src/kernel/datagram.ts';
import { closeFd, openUdpSocket } from '../../src/kernel/socket.ts';
import { inetSockaddr } from '../../src/kernel/socket-address.ts';

const [netns, port, count, name] = process.argv.slice(2) as [string, string, string, string];
const to = inetSockaddr(RESOLVER_ADDRESS, Number(port));
const batch = new DatagramBatch();
const fd = openUdpSocket({ netns, address: '127.0.0.1', port: 0 });
const packet = (index: number) => encodeMessage(question(index & 0xffff, name.replace('*', String(index)), 1));
const packets = Array.from({ length: name.includes('*') ? 8192 : 1 }, (_, index) => packet(index));
for (let sent = 0; sent < Number(count);) {
  for (let slot = 0; slot < batch.slots; slot++) batch.queueTo(slot, packets[sent++ % packets.length]!, to);
  batch.send(fd);
}
closeFd(fd);
