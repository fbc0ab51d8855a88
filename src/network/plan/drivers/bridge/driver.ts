/** Networks as Linux bridges, containers on them by veth pairs. The driver of the default network. */
import { parseSubnet, subnetContains } from '../../../../model/addresses.ts';
import type { NetworkRecord, NetworkSpec } from '../../../../model/network.ts';
import { addressSteps, sysctlOf } from '../../address-steps.ts';
import { BRIDGE_OPTION, parseBridgeOptions, unknownOptionWarnings } from '../../bridge-options.ts';
import type { NetworkDriver } from '../../driver.ts';
import { bridgeNameFor, hostInterfaceName } from '../../../interfaces/interface-name.ts';
import { bridgeMac } from '../../../interfaces/mac.ts';
import { portGroup } from '../../port-group.ts';
import type { Step, StepOf } from '../../step.ts';
import { checkBridgeSpec } from './spec-check.ts';

const HOST = '';

export const bridgeDriver: NetworkDriver = {
  name: 'bridge',
  policy: {
    connectable: true,
    publishes: true,
    firewalled: true,
    namespace: 'own',
    separates: (network) => !parseBridgeOptions(network).icc,
    needsGateway: gatewayNeeded,
  },

  check(spec, facts) {
    checkBridgeSpec(spec, facts);
    return unknownOptionWarnings(spec);
  },

  hostLink: (spec, networkId) => spec.options[BRIDGE_OPTION.name] || bridgeNameFor(networkId),
  endpointHostLink: hostInterfaceName,

  gateways(network) {
    if (network.internal) return { v4: '', v6: '' };
    return { v4: gatewayOf(network, 4), v6: gatewayOf(network, 6) };
  },

  createNetwork(network, facts, previous) {
    const mac = bridgeMac(network.id);
    if (facts.isOthersBridge(network.bridgeName, mac)) return [adoption(network)];
    const options = parseBridgeOptions(network);
    const link = network.bridgeName;
    const sysctl = (name: string, value: string): Step => ({
      kind: 'write-sysctl',
      netns: HOST,
      name,
      value,
      optional: true,
    });
    const steps: Step[] = [
      {
        kind: 'create-bridge',
        link,
        mac,
        mtu: options.mtu || facts.defaultMtu,
        // Only where neighbours are isolated must bridged packets pass the IP hooks; the host's own setting stays as it
        // is.
        filterBridged: !options.icc,
      },
      // Without it the kernel refuses to send a packet from 127.0.0.1 over the bridge before its source is changed.
      sysctl(sysctlOf(4, link, 'route_localnet'), '1'),
    ];
    if (facts.ipv6) steps.push(sysctl(sysctlOf(6, link, 'disable_ipv6'), network.enableIpv6 ? '0' : '1'));
    if (facts.ipv6 && network.enableIpv6) {
      // While duplicate detection holds the bridge's link-local address back, a second, nothing is forwarded to new
      // neighbours.
      steps.push(sysctl(sysctlOf(6, link, 'accept_dad'), '0'), sysctl(sysctlOf(6, link, 'accept_ra'), '0'));
    }
    const addresses = bridgeAddresses(network);
    steps.push({
      kind: 'drop-earlier-addresses',
      link,
      keep: addresses,
      earlier: previous ? bridgeAddresses(previous) : [],
    });
    for (const address of addresses) steps.push({ kind: 'add-address', netns: HOST, link, address });
    steps.push({ kind: 'raise-link', netns: HOST, link });
    return steps;
  },

  removeNetwork: ({ bridgeName }) => [
    { kind: 'release-bridge', link: bridgeName },
    { kind: 'delete-own-link', link: bridgeName },
  ],

  attach({ network, endpoint, netns }, facts) {
    const options = parseBridgeOptions(network);
    const link = endpoint.ifname;
    const steps: Step[] = [
      {
        kind: 'create-veth',
        hostLink: endpoint.hostIfname,
        bridge: network.bridgeName,
        group: portGroup(network),
        netns,
        link,
        mac: endpoint.mac,
        mtu: options.mtu || facts.defaultMtu,
        ...(facts.ipv6 ? { ipv6: endpoint.ipv6 !== '' } : {}),
      },
      ...addressSteps({ network, endpoint, netns }, facts),
    ];
    if (endpoint.published.length > 0) steps.push({ kind: 'set-hairpin', hostLink: endpoint.hostIfname, on: true });
    return steps;
  },

  detach: ({ endpoint }) => [{ kind: 'delete-link', netns: HOST, link: endpoint.hostIfname }],
};

/** Not where it would be unused. */
function gatewayNeeded(spec: NetworkSpec, version: 4 | 6): boolean {
  const { mode4, mode6, inhibitIpv4 } = parseBridgeOptions(spec);
  return (version === 4 ? mode4 : mode6) !== 'isolated' && !(version === 4 && spec.internal && inhibitIpv4);
}

/** A foreign bridge stays unchanged except for what containers cannot do without. */
function adoption(network: NetworkRecord): StepOf<'adopt-bridge'> {
  return {
    kind: 'adopt-bridge',
    link: network.bridgeName,
    sysctls: [{ name: sysctlOf(4, network.bridgeName, 'route_localnet'), value: '1' }],
    filterBridged: !parseBridgeOptions(network).icc,
    addresses: bridgeAddresses(network),
  };
}

function gatewayOf(network: NetworkRecord, version: 4 | 6): string {
  if (!(version === 4 ? network.enableIpv4 : network.enableIpv6)) return '';
  const pool = network.pools.find((candidate) => parseSubnet(candidate.subnet)?.version === version);
  // The host's own address on the bridge and the way out are one, unless an auxiliary address of this name overrides
  // it.
  return pool?.auxAddresses[`DefaultGatewayIPv${version}`] ?? pool?.gateway ?? '';
}

/** What the host itself has on the bridge: the gateway of every pool, unless the network is to be without. */
function bridgeAddresses(network: NetworkRecord): string[] {
  const options = parseBridgeOptions(network);
  const addresses: string[] = [];
  for (const pool of network.pools) {
    const subnet = parseSubnet(pool.subnet);
    if (!subnet || pool.gateway === '' || !subnetContains(subnet, pool.gateway)) continue;
    if (!(subnet.version === 4 ? network.enableIpv4 : network.enableIpv6)) continue;
    if ((subnet.version === 4 ? options.mode4 : options.mode6) === 'isolated') continue;
    if (subnet.version === 4 && options.inhibitIpv4) continue;
    addresses.push(`${pool.gateway}/${subnet.prefix}`);
  }
  return addresses;
}
