/** A bridge network's options, read once, with Docker's names, defaults and refusals. */
import { invalid } from '../../base/errors.ts';
import { ipVersion } from '../../model/addresses.ts';
import type { NetworkRecord, NetworkSpec } from '../../model/network.ts';

export const GATEWAY_MODES = ['nat', 'nat-unprotected', 'routed', 'isolated'] as const;
export type GatewayMode = (typeof GATEWAY_MODES)[number];

const BRIDGE = 'com.docker.network.bridge.';
const DRIVER = 'com.docker.network.driver.';
const COMMON = 'com.docker.network.';

export const BRIDGE_OPTION = {
  name: `${BRIDGE}name`,
  icc: `${BRIDGE}enable_icc`,
  masquerade: `${BRIDGE}enable_ip_masquerade`,
  hostBindingIp: `${BRIDGE}host_binding_ipv4`,
  defaultBridge: `${BRIDGE}default_bridge`,
  mode4: `${BRIDGE}gateway_mode_ipv4`,
  mode6: `${BRIDGE}gateway_mode_ipv6`,
  inhibitIpv4: `${BRIDGE}inhibit_ipv4`,
  trusted: `${BRIDGE}trusted_host_interfaces`,
  mtu: `${DRIVER}mtu`,
  ifnamePrefix: `${COMMON}container_iface_prefix`,
  source4: `${COMMON}host_ipv4`,
  source6: `${COMMON}host_ipv6`,
  dnsTtlS: 'causeway.dns_ttl',
  dnsHealthyOnly: 'causeway.dns_healthy_only',
} as const;

const KNOWN = new Set<string>(Object.values(BRIDGE_OPTION));

export interface BridgeOptions {
  readonly icc: boolean;
  readonly masquerade: boolean;
  readonly hostBindingIp: string; // '' = the daemon's default
  readonly mode4: GatewayMode;
  readonly mode6: GatewayMode;
  readonly inhibitIpv4: boolean;
  readonly trustedInterfaces: readonly string[];
  readonly mtu: number; // 0 = the daemon's default
  readonly ifnamePrefix: string;
  readonly source4: string; // '' = masquerade
  readonly source6: string;
  readonly dnsTtlS: number | undefined;
  /** Containers whose health check fails are left out of names that healthy ones share with them. */
  readonly dnsHealthyOnly: boolean;
}

/** Throws `invalid` for a value that cannot be meant. */
export function parseBridgeOptions(network: Pick<NetworkSpec, 'options'>): BridgeOptions {
  const get = (name: string, fallback = '') => network.options[name] ?? fallback;
  return {
    icc: parseBoolean(BRIDGE_OPTION.icc, get(BRIDGE_OPTION.icc, 'true')),
    masquerade: parseBoolean(BRIDGE_OPTION.masquerade, get(BRIDGE_OPTION.masquerade, 'true')),
    hostBindingIp: parseAddress(BRIDGE_OPTION.hostBindingIp, get(BRIDGE_OPTION.hostBindingIp), 4),
    mode4: parseMode(BRIDGE_OPTION.mode4, get(BRIDGE_OPTION.mode4, 'nat')),
    mode6: parseMode(BRIDGE_OPTION.mode6, get(BRIDGE_OPTION.mode6, 'nat')),
    inhibitIpv4: parseBoolean(BRIDGE_OPTION.inhibitIpv4, get(BRIDGE_OPTION.inhibitIpv4, 'false')),
    trustedInterfaces: get(BRIDGE_OPTION.trusted).split(':').filter((name) => name !== ''),
    mtu: parseNumber(BRIDGE_OPTION.mtu, get(BRIDGE_OPTION.mtu, '0')),
    ifnamePrefix: parsePrefix(get(BRIDGE_OPTION.ifnamePrefix, 'eth')),
    source4: parseAddress(BRIDGE_OPTION.source4, get(BRIDGE_OPTION.source4), 4),
    source6: parseAddress(BRIDGE_OPTION.source6, get(BRIDGE_OPTION.source6), 6),
    dnsTtlS: BRIDGE_OPTION.dnsTtlS in network.options ? parseNumber(BRIDGE_OPTION.dnsTtlS, get(BRIDGE_OPTION.dnsTtlS)) : undefined,
    dnsHealthyOnly: parseBoolean(BRIDGE_OPTION.dnsHealthyOnly, get(BRIDGE_OPTION.dnsHealthyOnly, 'false')),
  };
}

/** One sentence for each of Docker's options that nobody here reads. */
export function unknownOptionWarnings(network: Pick<NetworkRecord, 'options'>, known: ReadonlySet<string> = KNOWN): string[] {
  return Object.keys(network.options)
    .filter((name) => (name.startsWith(COMMON) || name.startsWith('causeway.')) && !known.has(name))
    .map((name) => `network option ${name} is not known and has no effect`);
}

function parseBoolean(name: string, text: string): boolean {
  // What Go's strconv.ParseBool takes, as Docker's clients send it; '' means that the option was named.
  if (/^(1|t|true)$/i.test(text) || text === '') return true;
  if (/^(0|f|false)$/i.test(text)) return false;
  throw invalid(`failed to parse ${name} value: ${JSON.stringify(text)} is not a boolean`);
}

function parseNumber(name: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw invalid(`failed to parse ${name} value: ${JSON.stringify(text)} is not a number`);
  return Number(text);
}

function parseMode(name: string, text: string): GatewayMode {
  const mode = GATEWAY_MODES.find((known) => known === (text === '' ? 'nat' : text));
  if (!mode) throw invalid(`unknown gateway mode ${text}`);
  return mode;
}

function parseAddress(name: string, text: string, version: 4 | 6): string {
  if (text !== '' && ipVersion(text) !== version) throw invalid(`failed to parse ${name} value: ${JSON.stringify(text)} is not an IPv${version} address`);
  return text;
}

function parsePrefix(text: string): string {
  if (!/^[a-zA-Z][a-zA-Z0-9_-]{0,11}$/.test(text)) throw invalid(`invalid interface name prefix ${JSON.stringify(text)}`);
  return text;
}
