/**
 * What the kernel answers, changed: messages recorded from links, addresses, routes, neighbours, nftables and flows.
 */
import { readFileSync } from 'node:fs';
import { parseFlow } from '../../../src/kernel/conntrack.ts';
import { parseAddress, parseNeighbour, parseRoute } from '../../../src/kernel/netlink/address-codec.ts';
import { parseInterface, parseStatistics } from '../../../src/kernel/netlink/link-codec.ts';
import { NLMSG_DONE, NLMSG_ERROR, readAttributes, readMessages } from '../../../src/kernel/netlink/message.ts';
import { readError } from '../../../src/kernel/netlink/netlink-socket.ts';
import { parseRouteNews } from '../../../src/kernel/netlink/route-monitor.ts';
import { joinIntervals, parseElements } from '../../../src/kernel/nftables/elements.ts';
import type { Target } from '../campaign.ts';
import { mutateBytes } from '../mutate.ts';

const recorded = JSON.parse(readFileSync(new URL('../netlink-samples.json', import.meta.url), 'utf8')) as Record<
  string,
  readonly string[]
>;
const samples = (...kinds: readonly string[]): Buffer[] =>
  kinds.flatMap((kind) => recorded[kind]!.map((text) => Buffer.from(text, 'base64'))).flatMap(pieces);
const ELEMENT_LIST = 3;
const STATS64 = 23;

/** A long answer has many messages; one at a time they are mutated more densely. */
function pieces(answer: Buffer): Buffer[] {
  const list = [answer];
  for (let at = 0; at + 16 <= answer.length; at += (answer.readUInt32LE(at) + 3) & ~3)
    list.push(answer.subarray(at, at + answer.readUInt32LE(at)));
  return list;
}

function target(
  name: string,
  seeds: readonly Buffer[],
  read: (message: ReturnType<typeof readMessages> extends Generator<infer M> ? M : never) => void,
): Target {
  return {
    name,
    make: (random) => mutateBytes(random, seeds),
    read(input) {
      for (const message of readMessages(input as Buffer)) read(message);
    },
  };
}

export const netlinkTargets: readonly Target[] = [
  target('netlink routes', samples('route', 'error'), (message) => {
    if (message.type === NLMSG_ERROR || message.type === NLMSG_DONE) return void readError(message, 'ask');
    parseRouteNews(message);
    for (const parse of [parseInterface, parseAddress, parseRoute, parseNeighbour]) parse(message.payload);
    const statistics = message.payload.length >= 16 ? readAttributes(message.payload, 16).get(STATS64) : undefined;
    if (statistics && statistics.length >= 64) parseStatistics(statistics);
  }),
  target('netlink nftables', samples('nft', 'error'), (message) => {
    if (message.type === NLMSG_ERROR) return void readError(message, 'ask');
    const list = message.payload.length >= 4 ? readAttributes(message.payload, 4).get(ELEMENT_LIST) : undefined;
    if (!list) return;
    const elements = parseElements(list);
    joinIntervals(elements, true);
    joinIntervals(elements, false);
  }),
  target('netlink flows', samples('conntrack'), (message) => void parseFlow(message.payload)),
];
