/**
 * Connecting to a network with few endpoints and with many. The endpoints are sandboxes of the network room without
 * processes, which are of no account here; the store and the resolver are in memory. To be run in a network and a mount
 * namespace of its own; prints { few, many } in milliseconds.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Lab } from '../test/network/lab.ts';

const FEW = 10;
const MANY = 1000;
const GUESTS = 15;

const lab = await Lab.start();
try {
  const { id } = await lab.createNetwork('crowded');
  const guests: string[] = [];
  for (let number = 0; number < GUESTS; number++)
    guests.push((await lab.join(`guest${number}`, ['bridge'])).containerId);
  let present = 0;
  const timeAt = async (endpoints: number, runs: number): Promise<number> => {
    for (; present < endpoints; present++) await lab.join(`c${present}`, ['crowded']);
    await sleep(1000); // the kernel is done with them
    const times: number[] = [];
    for (let run = 0; run < runs; run++) {
      const guest = guests[run % GUESTS]!;
      const started = performance.now();
      await lab.service.connect(guest, lab.connection('crowded'));
      times.push(performance.now() - started);
      await lab.service.disconnect(guest, id);
      await sleep(20);
    }
    // The tenth part that went best: what else the machine does, long work meets more of than short.
    return times.toSorted((a, b) => a - b)[Math.floor(times.length / 10)]!;
  };
  await timeAt(FEW, 10); // warms up
  const few = await timeAt(FEW, 45);
  const many = await timeAt(MANY, 45);
  process.stdout.write(`${JSON.stringify({ few, many })}\n`);
} finally {
  await lab.stop();
}
