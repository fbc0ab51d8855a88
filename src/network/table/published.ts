/**
 * Which endpoint of a sandbox its published ports are forwarded to: the one with the default route of the port's
 * family.
 */
import type { Endpoint } from '../../model/endpoint.ts';
import { publishedKey, type PublishedPort } from '../../model/port.ts';
import { chooseGateways } from './gateway.ts';

/** The endpoints with `ports` where they belong, and nowhere else. Endpoints that keep theirs are the same objects. */
export function assignPublished(endpoints: readonly Endpoint[], ports: readonly PublishedPort[]): Endpoint[] {
  const { v4, v6 } = chooseGateways(endpoints);
  const ownerOf = (port: PublishedPort) => {
    const [first, second] = port.hostIp.includes(':') ? [v6, v4] : [v4, v6];
    // An IPv6 port of a container without IPv6 is relayed to its IPv4 address, and is shown there.
    return (first ?? second)?.id;
  };
  return endpoints.map((endpoint) => {
    const published = ports.filter((port) => ownerOf(port) === endpoint.id);
    return samePorts(published, endpoint.published) ? endpoint : { ...endpoint, published };
  });
}

/** All ports of a sandbox, wherever they are shown. */
export function publishedOf(endpoints: readonly Endpoint[]): PublishedPort[] {
  return endpoints.flatMap((endpoint) => endpoint.published);
}

function samePorts(a: readonly PublishedPort[], b: readonly PublishedPort[]): boolean {
  return a.length === b.length && a.every((port, index) => publishedKey(port) === publishedKey(b[index]!));
}
