/**
 * Containers as hosts of their own on the host's uplink: macvlan (a MAC address each) and ipvlan (the parent's MAC). A
 * parent 'eth0.10' that does not exist is made as a VLAN, and removed with the network. The kernel keeps such
 * containers and the host itself apart; nothing is published, the firewall has no part in it.
 */
import { invalid, notImplemented } from '../../base/errors.ts';
import { parseSubnet } from '../../model/addresses.ts';
import type { NetworkRecord, NetworkSpec } from '../../model/network.ts';
import { addressSteps } from '../plan/address-steps.ts';
import { BRIDGE_OPTION, parseBridgeOptions } from '../plan/bridge-options.ts';
import type { NetworkDriver } from '../plan/driver.ts';
import type { Step } from '../plan/step.ts';

const HOST = '';

interface Kind {
  readonly name: 'macvlan' | 'ipvlan';
  readonly modeOption: string;
  readonly modes: readonly string[]; // the first is the default
}

const MACVLAN: Kind = { name: 'macvlan', modeOption: 'macvlan_mode', modes: ['bridge', 'private', 'vepa', 'passthru'] };
const IPVLAN: Kind = { name: 'ipvlan', modeOption: 'ipvlan_mode', modes: ['l2', 'l3', 'l3s'] };

export const macvlanDriver = parentDriver(MACVLAN);
export const ipvlanDriver = parentDriver(IPVLAN);

function parentDriver(kind: Kind): NetworkDriver {
  const modeOf = (network: Pick<NetworkSpec, 'options'>) => network.options[kind.modeOption] || kind.modes[0]!;
  return {
    name: kind.name,
    connectable: true,
    publishes: false,

    check(spec, facts) {
      parseBridgeOptions(spec); // those that every network has: names, interfaces
      const mode = modeOf(spec);
      if (!kind.modes.includes(mode)) throw invalid(`requested ${kind.name} mode '${mode}' is not valid, '${kind.modes[0]}' mode is the ${kind.name} driver default`);
      if (!facts.knowsLinkKind(kind.name)) throw notImplemented(`failed to create the ${kind.name} network: this kernel has no ${kind.name} (its module cannot be loaded)`);
      const parent = spec.options['parent'] ?? '';
      if (parent === 'lo') throw invalid(`loopback interface is not a valid ${kind.name} parent link`);
      if (parent === '' && !spec.internal) throw invalid(`a ${kind.name} network that is not internal needs the option parent, the interface of the host to use: -o parent=eth0`);
      if (parent !== '' && !facts.hasLink(parent) && !vlanOf(parent)) {
        throw invalid(`failed to create the ${kind.name} network: the parent interface ${parent} was not found on this host`);
      }
      const vlan = vlanOf(parent);
      if (parent !== '' && !facts.hasLink(parent) && vlan && !facts.hasLink(vlan.parent)) {
        throw invalid(`failed to create the ${kind.name} network: the parent interface ${vlan.parent} of VLAN ${parent} was not found on this host`);
      }
      if (vlan && !facts.hasLink(parent) && !facts.knowsLinkKind('vlan')) {
        throw notImplemented(`failed to create the ${kind.name} network: this kernel has no VLANs (module 8021q cannot be loaded), so ${parent} cannot be made`);
      }
      return [];
    },

    // An internal network without a parent has one of its own, a bridge that leads nowhere.
    hostLink: (spec, networkId) => (spec.options['parent'] ? '' : `dm-${networkId.slice(0, 12)}`),
    endpointHostLink: () => '',

    createNetwork(network, facts) {
      const parent = network.options['parent'] ?? '';
      if (parent === '') {
        return [
          { kind: 'create-bridge', link: network.bridgeName, mac: '', mtu: mtuOf(network) || facts.defaultMtu, filterBridged: false },
          { kind: 'raise-link', netns: HOST, link: network.bridgeName },
        ];
      }
      const vlan = vlanOf(parent);
      if (facts.hasLink(parent) || !vlan) return [];
      return [
        { kind: 'create-vlan', link: parent, parent: vlan.parent, vlanId: vlan.id },
        { kind: 'raise-link', netns: HOST, link: parent },
      ];
    },

    removeNetwork: (network) => [{ kind: 'delete-own-link', link: network.bridgeName || (network.options['parent'] ?? '') }],

    gateways(network) {
      if (network.internal) return { v4: '', v6: '' };
      const gateway = (version: 4 | 6) => network.pools.find((pool) => parseSubnet(pool.subnet)?.version === version)?.gateway ?? '';
      return { v4: gateway(4), v6: gateway(6) };
    },

    attach(attachment, facts) {
      const { network, endpoint, netns } = attachment;
      const create: Step = {
        kind: kind.name === 'macvlan' ? 'create-macvlan' : 'create-ipvlan',
        parent: network.options['parent'] || network.bridgeName,
        mode: modeOf(network),
        netns,
        link: endpoint.ifname,
        mac: kind.name === 'macvlan' ? endpoint.mac : '',
        mtu: mtuOf(network),
      };
      return [create, ...addressSteps(attachment, facts, { ownMac: kind.name === 'macvlan' })];
    },

    detach: ({ endpoint, netns }) => [{ kind: 'delete-link', netns, link: endpoint.ifname }],
  };
}

function vlanOf(parent: string): { parent: string; id: number } | undefined {
  const match = /^(.+)\.(\d{1,4})$/.exec(parent);
  const id = Number(match?.[2]);
  return match && id >= 1 && id <= 4094 ? { parent: match[1]!, id } : undefined;
}

function mtuOf(network: Pick<NetworkRecord, 'options'>): number {
  return Number(network.options[BRIDGE_OPTION.mtu] ?? 0) || 0;
}
