/**
 * Containers as hosts of their own on the host's uplink: macvlan (a MAC address each) and ipvlan (the parent's MAC). A
 * parent 'eth0.10' that does not exist is made as a VLAN, and removed with the last network on it. The kernel keeps
 * such containers and the host itself apart; nothing is published, the firewall has no part in it.
 */
import { parseSubnet, subnetContains } from '../../../../model/addresses.ts';
import type { NetworkRecord } from '../../../../model/network.ts';
import { addressSteps } from '../../address-steps.ts';
import { parseBridgeOptions } from '../../bridge-options.ts';
import type { NetworkDriver } from '../../driver.ts';
import type { Step } from '../../step.ts';
import {
  checkParentSpec,
  flagOf,
  IPVLAN,
  isRouted,
  leadsOut,
  MACVLAN,
  modeOf,
  parentOf,
  vlanOf,
  type ParentKind,
} from './spec-check.ts';

const HOST = '';

export const macvlanDriver = parentDriver(MACVLAN);
export const ipvlanDriver = parentDriver(IPVLAN);

function parentDriver(kind: ParentKind): NetworkDriver {
  const mtuOf = (network: NetworkRecord) => parseBridgeOptions(network).mtu;
  return {
    name: kind.name,
    policy: {
      connectable: true,
      publishes: false,
      firewalled: false,
      namespace: 'own',
      separates: () => false,
      needsGateway: (spec) => leadsOut(spec) && !isRouted(kind, spec),
    },

    check: (spec, facts, others) => checkParentSpec(kind, spec, facts, others),

    // A network without a parent has one of its own, an unconnected bridge.
    hostLink: (spec, networkId) => (parentOf(spec) === '' ? `dm-${networkId.slice(0, 12)}` : ''),
    endpointHostLink: () => '',

    createNetwork(network, facts) {
      const parent = parentOf(network);
      if (parent === '') {
        return [
          {
            kind: 'create-bridge',
            link: network.bridgeName,
            mac: '',
            mtu: mtuOf(network) || facts.defaultMtu,
            filterBridged: false,
          },
          { kind: 'raise-link', netns: HOST, link: network.bridgeName },
        ];
      }
      if (facts.hasLink(parent)) return [];
      const vlan = vlanOf(parent);
      if (!vlan) return [];
      return [
        { kind: 'create-vlan', link: parent, parent: vlan.parent, vlanId: vlan.id },
        { kind: 'raise-link', netns: HOST, link: parent },
      ];
    },

    removeNetwork(network, others) {
      const link = network.bridgeName || parentOf(network);
      return others.some((other) => parentOf(other) === link) ? [] : [{ kind: 'delete-own-link', link }];
    },

    gateways(network, addresses) {
      if (!leadsOut(network) || isRouted(kind, network)) return { v4: '', v6: '' };
      return { v4: gatewayOf(network, 4, addresses?.ipv4), v6: gatewayOf(network, 6, addresses?.ipv6) };
    },

    attach(attachment, facts) {
      const { network, endpoint, netns } = attachment;
      const link = endpoint.ifname;
      const common = {
        parent: parentOf(network) || network.bridgeName,
        mode: modeOf(kind, network),
        netns,
        link,
        mtu: mtuOf(network),
      };
      const create: Step =
        kind === MACVLAN
          ? { kind: 'create-macvlan', ...common, mac: endpoint.mac }
          : { kind: 'create-ipvlan', ...common, flag: flagOf(kind, network) };
      const steps = [create, ...addressSteps(attachment, facts, { ownMac: kind === MACVLAN })];
      if (leadsOut(network) && isRouted(kind, network)) {
        for (const [version, address] of [
          [4, endpoint.ipv4],
          [6, endpoint.ipv6],
        ] as const) {
          if (address !== '') steps.push({ kind: 'add-route', netns, version, destination: '', gateway: '', link });
        }
      }
      return steps;
    },

    detach: ({ endpoint, netns }) => [{ kind: 'delete-link', netns, link: endpoint.ifname }],
  };
}

/** That of the pool which has the address; of the first one where no address is known yet. */
function gatewayOf(network: NetworkRecord, version: 4 | 6, address = ''): string {
  const pools = network.pools.filter((pool) => parseSubnet(pool.subnet)?.version === version);
  const own = pools.find((pool) => subnetContains(parseSubnet(pool.subnet)!, address));
  return (own ?? pools[0])?.gateway ?? '';
}
