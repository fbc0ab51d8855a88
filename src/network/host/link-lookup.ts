/** Links by their names: of a few the kernel is asked one by one, of many once for all that there are. */
import { groupedBy } from '../../base/grouped.ts';
import type { AddressInfo, LinkInfo, RouteSocket } from '../../kernel/netlink/route-socket.ts';

/** One answer about all links costs as much as some single ones, and a host may have links that are nobody's here. */
const FEW = 8;

export type FindLink = (name: string) => LinkInfo | undefined;

/**
 * For a look at `count` links that goes on without a pause: what is told of many is as of the first question. A question
 * that fails is asked again with the next link.
 */
export function linkLookup(route: Pick<RouteSocket, 'link' | 'links'>, count: number): FindLink {
  if (count <= FEW) return (name) => route.link(name);
  let all: ReadonlyMap<string, LinkInfo> | undefined;
  return (name) => (all ??= new Map(route.links().map((link) => [link.name, link]))).get(name);
}

export interface AddressedLinks {
  readonly find: FindLink;
  /** With their prefixes. */
  addresses(link: LinkInfo): string[];
}

/** The same, with the addresses. */
export function addressedLinks(
  route: Pick<RouteSocket, 'link' | 'links' | 'addresses'>,
  count: number,
): AddressedLinks {
  let all: ReadonlyMap<number, readonly AddressInfo[]> | undefined;
  const everywhere = () => (all ??= groupedBy(route.addresses(), ({ linkIndex }) => linkIndex));
  return {
    find: linkLookup(route, count),
    addresses: ({ index, name }) =>
      (count <= FEW ? route.addresses(name) : (everywhere().get(index) ?? [])).map(
        ({ address, prefix }) => `${address}/${prefix}`,
      ),
  };
}
