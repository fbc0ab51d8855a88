/**
 * A network's options, with Docker's names and defaults. They are judged once, when the network is made
 * (`checkOptions`); reading those of a network that exists never fails.
 */
import { invalid } from '../../base/errors.ts';
import { ownField } from '../../base/own-field.ts';
import { readGoBoolean } from '../../base/go-boolean.ts';
import { ipVersion } from '../../model/addresses.ts';
import type { NetworkRecord, NetworkSpec } from '../../model/network.ts';
import { isEncodable, linkNameComplaint } from '../interfaces/link-name.ts';

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
  announcements: `${COMMON}advertise_addr_nmsgs`,
  announceEveryMs: `${COMMON}advertise_addr_ms`,
  source4: `${COMMON}host_ipv4`,
  source6: `${COMMON}host_ipv6`,
  ipv4: `${COMMON}enable_ipv4`, // both are read with the request: they mean --ipv4 and --ipv6
  ipv6: `${COMMON}enable_ipv6`,
  dnsTtlS: 'causeway.dns_ttl',
  dnsHealthyOnly: 'causeway.dns_healthy_only',
} as const;

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
  /** How often neighbours are told of a container's addresses, and how long after one another. */
  readonly announcements: number;
  readonly announceEveryMs: number;
  readonly source4: string; // '' = masquerade
  readonly source6: string;
  readonly dnsTtlS: number | undefined;
  /** Containers whose health check fails are left out of names that healthy ones share with them. */
  readonly dnsHealthyOnly: boolean;
}

/** What the values mean; one that cannot be meant counts as not given. */
export function parseBridgeOptions(network: Pick<NetworkSpec, 'options'>): BridgeOptions {
  const get = (name: string) => network.options[name] ?? '';
  return {
    icc: readGoBoolean(get(BRIDGE_OPTION.icc)) ?? true,
    masquerade: readGoBoolean(get(BRIDGE_OPTION.masquerade)) ?? true,
    hostBindingIp: readAddress(get(BRIDGE_OPTION.hostBindingIp)),
    mode4: readMode(get(BRIDGE_OPTION.mode4)),
    mode6: readMode(get(BRIDGE_OPTION.mode6)),
    inhibitIpv4: readGoBoolean(get(BRIDGE_OPTION.inhibitIpv4)) ?? false,
    trustedInterfaces: get(BRIDGE_OPTION.trusted).split(':').filter(isEncodable),
    mtu: readNumber(get(BRIDGE_OPTION.mtu)) ?? 0,
    ifnamePrefix: PREFIX.test(get(BRIDGE_OPTION.ifnamePrefix)) ? get(BRIDGE_OPTION.ifnamePrefix) : 'eth',
    announcements: readNumber(get(BRIDGE_OPTION.announcements)) ?? 3,
    announceEveryMs: readNumber(get(BRIDGE_OPTION.announceEveryMs)) ?? 1000,
    source4: readAddress(get(BRIDGE_OPTION.source4), 4),
    source6: readAddress(get(BRIDGE_OPTION.source6), 6),
    dnsTtlS: readNumber(get(BRIDGE_OPTION.dnsTtlS)),
    dnsHealthyOnly: readGoBoolean(get(BRIDGE_OPTION.dnsHealthyOnly)) ?? false,
  };
}

/** Throws `invalid` for the first value that cannot be meant. */
export function checkOptions({ options }: Pick<NetworkSpec, 'options'>): void {
  for (const [name, value] of Object.entries(options)) {
    const complaint = ownField(COMPLAINTS, name)?.(value);
    if (complaint !== undefined) throw invalid(`failed to parse ${name} value: ${value} (${complaint})`);
  }
  checkRange(options, BRIDGE_OPTION.announcements, [0, 3], 'an integer');
  checkRange(options, BRIDGE_OPTION.announceEveryMs, [100, 2000], 'integer milliseconds');
  if (options[BRIDGE_OPTION.mtu]?.startsWith('-'))
    throw invalid(`invalid MTU number: ${Number(options[BRIDGE_OPTION.mtu])}`);
}

function checkRange(
  options: NetworkSpec['options'],
  name: string,
  [least, most]: readonly [number, number],
  kind: string,
): void {
  const text = options[name];
  if (text === undefined) return;
  if (notNumber(text) !== undefined) throw invalid(`value for option ${name} ${JSON.stringify(text)} must be ${kind}`);
  if (Number(text) < least || Number(text) > most) throw invalid(`${name} must be in the range ${least} to ${most}`);
}

const LEAST_MTU_V6 = 1280;

/** The kernel only reports that an address is invalid: below that an interface has no IPv6. */
export function checkMtu({ enableIpv6 }: Pick<NetworkSpec, 'enableIpv6'>, mtu: number): void {
  if (enableIpv6 && mtu !== 0 && mtu < LEAST_MTU_V6)
    throw invalid(`invalid MTU number: ${mtu}: IPv6 needs at least ${LEAST_MTU_V6} (RFC 8200)`);
}

/** Of `names`, which are options of Docker or of the engine: one sentence for each that the engine ignores. */
export function unknownOptionWarnings(
  network: Pick<NetworkRecord, 'options'>,
  isRead: (name: string) => boolean = isKnown,
): string[] {
  return Object.keys(network.options)
    .filter((name) => (name.startsWith(COMMON) || name.startsWith('causeway.')) && !isRead(name))
    .map((name) =>
      isKnown(name)
        ? `network option ${name} has no effect with this driver`
        : `network option ${name} is not known and has no effect`,
    );
}

const known = new Set<string>(Object.values(BRIDGE_OPTION));
const isKnown = (name: string): boolean => known.has(name);

// The texts are those of Go's parsers, which Docker shows as they are.
const notBoolean = (text: string) =>
  readGoBoolean(text) === undefined ? `strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax` : undefined;
const notNumber = (text: string) =>
  /^[+-]?\d{1,9}$/.test(text) ? undefined : `strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`;
const notMode = (text: string) => (isMode(text) ? undefined : `unknown gateway mode ${text}`);
const notAddress = (version?: 4 | 6) => (text: string) =>
  ipVersion(text) === 0
    ? 'nil ip'
    : version && ipVersion(text) !== version
      ? `not an IPv${version} address`
      : undefined;

const COMPLAINTS: Readonly<Record<string, (text: string) => string | undefined>> = {
  [BRIDGE_OPTION.icc]: notBoolean,
  [BRIDGE_OPTION.masquerade]: notBoolean,
  [BRIDGE_OPTION.inhibitIpv4]: notBoolean,
  [BRIDGE_OPTION.defaultBridge]: notBoolean,
  [BRIDGE_OPTION.ipv4]: notBoolean,
  [BRIDGE_OPTION.ipv6]: notBoolean,
  [BRIDGE_OPTION.dnsHealthyOnly]: notBoolean,
  [BRIDGE_OPTION.mode4]: notMode,
  [BRIDGE_OPTION.mode6]: notMode,
  [BRIDGE_OPTION.mtu]: notNumber,
  [BRIDGE_OPTION.dnsTtlS]: (text) => (readNumber(text) === undefined ? 'not a number of seconds' : undefined),
  [BRIDGE_OPTION.hostBindingIp]: notAddress(),
  [BRIDGE_OPTION.trusted]: (text) =>
    text
      .split(':')
      .map((name) => (name === '' ? undefined : linkNameComplaint(name)))
      .find((complaint) => complaint !== undefined),
  [BRIDGE_OPTION.source4]: notAddress(4),
  [BRIDGE_OPTION.source6]: notAddress(6),
  [BRIDGE_OPTION.ifnamePrefix]: (text) =>
    text === '' || PREFIX.test(text)
      ? undefined
      : 'an interface name has a letter first, then letters, digits, _ and -',
};

const PREFIX = /^[a-zA-Z][a-zA-Z0-9_-]{0,11}$/;

function readNumber(text: string): number | undefined {
  return /^\+?\d{1,9}$/.test(text) ? Number(text) : undefined;
}

function isMode(text: string): text is GatewayMode {
  return GATEWAY_MODES.some((mode) => mode === text);
}

function readMode(text: string): GatewayMode {
  return isMode(text) ? text : 'nat';
}

function readAddress(text: string, version?: 4 | 6): string {
  const actual = ipVersion(text);
  return actual === 0 || (version && actual !== version) ? '' : text;
}
