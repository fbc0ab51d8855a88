/** The three networks that always exist, as the configuration has them. */
import { invalid } from '../base/errors.ts';
import { newId } from '../model/ids.ts';
import { formatSubnet, parseSubnet } from '../model/addresses.ts';
import type { IpamPool, NetworkRecord, NetworkSpec } from '../model/network.ts';
import type { NetworkConfig } from './contract.ts';
import { BRIDGE_OPTION } from './plan/bridge-options.ts';

const DEFAULT_BIP = '172.17.0.1/16';

/** What `createNetwork` would be asked for the default bridge; its pools follow from --bip and --fixed-cidr. */
export function defaultBridgeSpec(config: NetworkConfig): NetworkSpec {
  const bip = config.bip === '' ? DEFAULT_BIP : config.bip;
  const subnet = parseSubnet(bip);
  if (!subnet || subnet.version !== 4) throw invalid(`invalid bip ${JSON.stringify(config.bip)}: it must be an IPv4 address with a prefix, such as ${DEFAULT_BIP}`);
  if (config.fixedCidr !== '' && !parseSubnet(config.fixedCidr)) throw invalid(`invalid fixed-cidr ${JSON.stringify(config.fixedCidr)}`);
  const pool: IpamPool = {
    subnet: formatSubnet(subnet),
    ipRange: config.fixedCidr,
    // Docker shows a gateway only where one was asked for.
    gateway: config.bip === '' ? '' : bip.slice(0, bip.indexOf('/')),
    auxAddresses: {},
  };
  return {
    name: 'bridge',
    driver: 'bridge',
    scope: 'local',
    internal: false,
    attachable: false,
    ingress: false,
    configOnly: false,
    configFrom: '',
    enableIpv4: true,
    enableIpv6: config.ipv6,
    ipam: { driver: 'default', options: null, pools: [pool] },
    options: {
      [BRIDGE_OPTION.defaultBridge]: 'true',
      [BRIDGE_OPTION.icc]: String(config.icc),
      [BRIDGE_OPTION.masquerade]: String(config.ipMasq),
      [BRIDGE_OPTION.hostBindingIp]: config.hostBindingIp || '0.0.0.0',
      [BRIDGE_OPTION.name]: config.bridgeName,
      [BRIDGE_OPTION.mtu]: String(config.mtu || 1500),
    },
    labels: {},
  };
}

export function predefinedRecord(name: 'host' | 'none', createdAt: string): NetworkRecord {
  return {
    id: newId(),
    name,
    driver: name === 'host' ? 'host' : 'null',
    scope: 'local',
    internal: false,
    attachable: false,
    ingress: false,
    configOnly: false,
    configFrom: '',
    enableIpv4: true,
    enableIpv6: false,
    ipam: { driver: 'default', options: null, pools: [] },
    options: {},
    labels: {},
    createdAt,
    pools: [],
    bridgeName: '',
    predefined: true,
  };
}

/** Whether containers on it find each other by name: networks of the user's, with a driver that connects. */
export function hasNames(network: NetworkRecord): boolean {
  return !network.predefined && !network.configOnly;
}
