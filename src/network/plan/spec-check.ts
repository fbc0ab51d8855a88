/**
 * Refuses a network that contradicts itself or belongs to a cluster, whatever its driver, in Docker's words; and what a
 * configuration-only network gives to those that are made from it.
 */
import { forbidden, invalid, notFound } from '../../base/errors.ts';
import { readGoBoolean } from '../../base/go-boolean.ts';
import type { NetworkRecord, NetworkSpec } from '../../model/network.ts';
import { SUBNET_SIZE_OPTION, SUBNET_SIZE_OPTION_V6 } from '../ipam/ipam.ts';
import { BRIDGE_OPTION } from './bridge-options.ts';

const IPAM_OPTIONS = new Set([SUBNET_SIZE_OPTION, SUBNET_SIZE_OPTION_V6]);
const NO_MANAGER =
  'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.';

/** Throws `forbidden`; gives a sentence for each wish that has no effect. */
export function checkNetworkSpec(spec: NetworkSpec): string[] {
  if (spec.configOnly) {
    if (spec.ingress || spec.internal || spec.attachable || spec.scope !== '') {
      throw forbidden(
        'configuration network can only contain network specific fields. Network operator fields like [ ingress | internal | attachable | scope ] are not supported.',
      );
    }
    if (spec.configFrom !== '')
      throw forbidden('a configuration network cannot depend on another configuration network');
    return [];
  }
  if (spec.configFrom !== '') refuseOwnConfiguration(spec);
  if (spec.driver === 'overlay') throw forbidden(NO_MANAGER);
  if (spec.ingress) throw forbidden('Ingress network can only be global scope network');
  if (spec.scope === 'swarm') throw forbidden('cannot create a swarm scoped network when swarm is not active');
  const warnings = Object.keys(spec.ipam.options ?? {})
    .filter((name) => name.startsWith('causeway.') && !IPAM_OPTIONS.has(name))
    .map((name) => `IPAM option ${name} is not known and has no effect`);
  if (spec.scope !== '' && spec.scope !== 'local')
    warnings.push(`the scope ${JSON.stringify(spec.scope)} has no effect: every network is local to this host`);
  return warnings;
}

/**
 * The rest of the configuration is the other network's; Docker tells "not set" from the defaults as little as this
 * does.
 */
function refuseOwnConfiguration({ ipam, enableIpv4, enableIpv6, labels, options }: NetworkSpec): void {
  const configured =
    (ipam.driver !== '' && ipam.driver !== 'default') ||
    !enableIpv4 ||
    enableIpv6 ||
    Object.keys(labels).length > 0 ||
    Object.keys(ipam.options ?? {}).length > 0 ||
    ipam.pools.length > 0;
  if (configured)
    throw forbidden(
      'user specified configurations are not supported if the network depends on a configuration network',
    );
  if (Object.keys(options).length > 0)
    throw forbidden('network driver options are not supported if the network depends on a configuration network');
}

/**
 * The spec with the daemon's default options where the user sets none. A network made from a configuration
 * has none of them. Throws `invalid` for a default that cannot be meant.
 */
export function withDefaultOptions(spec: NetworkSpec, defaults: Readonly<Record<string, string>>): NetworkSpec {
  const { givenFamilies = [], ...rest } = spec;
  if (spec.configFrom !== '') return rest;
  let { enableIpv4, enableIpv6 } = rest;
  const options = { ...rest.options };
  for (const [name, value] of Object.entries(defaults)) {
    const version = name === BRIDGE_OPTION.ipv4 ? 4 : name === BRIDGE_OPTION.ipv6 ? 6 : undefined;
    if (name in options || (version && givenFamilies.includes(version))) continue;
    options[name] = value;
    if (!version) continue;
    const on = readGoBoolean(value);
    if (on === undefined) throw invalid(`driver-opt ${JSON.stringify(name)} is not a valid bool`);
    if (version === 4) enableIpv4 = on;
    else enableIpv6 = on;
  }
  return { ...rest, options, enableIpv4, enableIpv6 };
}

/** The spec with the settings of its configuration network. Throws `notFound` where there is none of that name. */
export function completeSpec(spec: NetworkSpec, networks: readonly NetworkRecord[]): NetworkSpec {
  if (spec.configFrom === '') return spec;
  const source = networks.find((network) => network.configOnly && network.name === spec.configFrom);
  if (!source) throw notFound(`configuration network ${JSON.stringify(spec.configFrom)} does not exist`);
  const { ipam, options, enableIpv4, enableIpv6, labels } = source;
  return { ...spec, ipam, options, enableIpv4, enableIpv6, labels };
}

/** Throws `forbidden` while a network depends on this configuration network. */
export function refuseRemovalInUse(network: NetworkRecord, networks: readonly NetworkRecord[]): void {
  if (!network.configOnly || !networks.some((other) => other.configFrom === network.name)) return;
  throw forbidden(`error while removing network: configuration network ${JSON.stringify(network.name)} is in use`);
}
