/** The three networks that always exist, as the configuration has them. */
import { invalid } from '../../base/errors.ts';
import { checkBridgeSpec } from '../plan/drivers/bridge/spec-check.ts';
import { newId } from '../../model/ids.ts';
import { formatSubnet, parseSubnet } from '../../model/addresses.ts';
import { EMPTY_NETWORK_SPEC, type IpamPool, type NetworkRecord, type NetworkSpec } from '../../model/network.ts';
import type { NetworkConfig } from '../contract.ts';
import { DOCKER_BRIDGE, type DefaultBridge } from '../host/default-bridge.ts';
import { Ipam } from '../ipam/ipam.ts';
import { needsGateway } from '../plan/network-policy.ts';
import { BRIDGE_OPTION } from '../plan/bridge-options.ts';

const DEFAULT_BIP = '172.17.0.1/16';

type BridgeConfig = Pick<
  NetworkConfig,
  | 'bip'
  | 'fixedCidr'
  | 'defaultGateway'
  | 'bip6'
  | 'fixedCidrV6'
  | 'defaultGatewayV6'
  | 'ipv6'
  | 'icc'
  | 'ipMasq'
  | 'hostBindingIp'
  | 'mtu'
>;

/** What `createNetwork` would be asked for the default bridge; its pools follow from the daemon's options. */
export function defaultBridgeSpec(
  config: BridgeConfig,
  bridge: Pick<DefaultBridge, 'name' | 'besideDocker'>,
): NetworkSpec {
  const { bip, fixedCidr, defaultGateway, bip6, fixedCidrV6, defaultGatewayV6 } = config;
  // A gateway is in a subnet that is known beforehand.
  const named = bip || (fixedCidr === '' && defaultGateway !== '' && !bridge.besideDocker ? DEFAULT_BIP : '');
  const v4 = bridgePool(named, fixedCidr, defaultGateway, 4);
  // Docker shows a gateway only where one was asked for.
  const pools = [bip === '' ? { ...v4, gateway: '' } : v4];
  // Without any of these the subnet is chosen.
  if (config.ipv6 && (bip6 || fixedCidrV6)) pools.push(bridgePool(bip6, fixedCidrV6, defaultGatewayV6, 6));
  return {
    ...EMPTY_NETWORK_SPEC,
    name: 'bridge',
    driver: 'bridge',
    scope: 'local',
    enableIpv6: config.ipv6,
    ipam: { driver: 'default', options: null, pools },
    options: {
      [BRIDGE_OPTION.defaultBridge]: 'true',
      [BRIDGE_OPTION.icc]: String(config.icc),
      [BRIDGE_OPTION.masquerade]: String(config.ipMasq),
      [BRIDGE_OPTION.hostBindingIp]: config.hostBindingIp || '0.0.0.0',
      [BRIDGE_OPTION.name]: bridge.name,
      [BRIDGE_OPTION.mtu]: String(config.mtu || 1500),
    },
  };
}

/**
 * Refuses options that no default bridge can have, on whatever host; `establish` checks against what exists on this
 * one.
 */
export function checkDefaultBridge(
  config: BridgeConfig & Pick<NetworkConfig, 'addressPools' | 'bridgeName' | 'defaultBridgeName'>,
): void {
  const spec = defaultBridgeSpec(config, {
    name: config.bridgeName || config.defaultBridgeName || DOCKER_BRIDGE,
    besideDocker: false,
  });
  checkBridgeSpec(spec, { defaultMtu: config.mtu, linkKind: () => undefined, engineOfBridge: () => undefined });
  new Ipam({ pools: config.addressPools, needsGateway }).choosePools(spec, { own: [], routed: [] });
}

/** The subnet of the bridge's own address, or else all that containers may be given. */
function bridgePool(bip: string, fixedCidr: string, defaultGateway: string, version: 4 | 6): IpamPool {
  const [own, range] = [parseSubnet(bip), parseSubnet(fixedCidr)];
  const names = version === 4 ? { bip: 'bip', range: 'fixed-cidr' } : { bip: 'bip6', range: 'fixed-cidr-v6' };
  if (bip !== '' && own?.version !== version)
    throw invalid(`invalid ${names.bip} ${JSON.stringify(bip)}: it must be an IPv${version} address with a prefix`);
  if (fixedCidr !== '' && range?.version !== version)
    throw invalid(`invalid ${names.range} ${JSON.stringify(fixedCidr)}`);
  if (!own && !range && defaultGateway !== '') {
    throw invalid(
      `the default gateway ${defaultGateway} needs --${names.bip} or --${names.range} where the subnet of the default bridge is chosen: beside Docker`,
    );
  }
  return {
    subnet: own || range ? formatSubnet((own ?? range)!) : '', // '' = chosen
    ipRange: range ? formatSubnet(range) : '',
    gateway: bip === '' ? '' : bip.slice(0, bip.indexOf('/')),
    auxAddresses: defaultGateway === '' ? {} : { [`DefaultGatewayIPv${version}`]: defaultGateway },
  };
}

export function predefinedRecord(name: 'host' | 'none', createdAt: string): NetworkRecord {
  return {
    ...EMPTY_NETWORK_SPEC,
    id: newId(),
    name,
    driver: name === 'host' ? 'host' : 'null',
    scope: 'local',
    createdAt,
    pools: [],
    bridgeName: '',
    predefined: true,
  };
}
