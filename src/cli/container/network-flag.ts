/** --network NAME, or name=NAME,alias=web,ip=10.0.0.5,mac-address=...,driver-opt=k=v,gw-priority=1 */
import type { EndpointSettingsBody } from '../../wire/container-create.ts';
import type { FlagType } from '../command/flag-types.ts';
import { parseMac } from '../../model/mac.ts';
import { splitCsv } from '../format/csv.ts';
import { cut } from './flag-checks.ts';

export interface NetworkAttachment {
  target: string;
  aliases: string[];
  links: string[];
  driverOptions: Record<string, string>;
  ipv4: string;
  ipv6: string;
  linkLocalIps: string[];
  mac: string;
  gatewayPriority: number;
}

export const attachmentTo = (target: string): NetworkAttachment => ({
  target,
  aliases: [],
  links: [],
  driverOptions: {},
  ipv4: '',
  ipv6: '',
  linkLocalIps: [],
  mac: '',
  gatewayPriority: 0,
});

function parseNetworkFlag(value: string): NetworkAttachment {
  const attachment = attachmentTo('');
  if (!/\w+=\w+(,\w+=\w+)*/.test(value)) {
    attachment.target = value;
    return attachment;
  }
  for (const field of splitCsv(value)) {
    const [word, given] = cut(field.toLowerCase(), '=');
    if (given === undefined || word === '') throw new Error(`invalid field ${field}`);
    setField(attachment, word.trim(), given.trim());
  }
  if (attachment.target === '') throw new Error('network name/id is not specified');
  return attachment;
}

function setField(attachment: NetworkAttachment, key: string, value: string): void {
  switch (key) {
    case 'name':
      attachment.target = value;
      break;
    case 'alias':
      attachment.aliases.push(value);
      break;
    case 'ip':
      attachment.ipv4 = value;
      break;
    case 'ip6':
      attachment.ipv6 = value;
      break;
    case 'mac-address':
      attachment.mac = value;
      break;
    case 'link-local-ip':
      attachment.linkLocalIps.push(value);
      break;
    case 'driver-opt': {
      const [name, option] = cut(value, '=');
      if (option === undefined || name === '') throw new Error('invalid key value pair format in driver options');
      attachment.driverOptions[name.trim()] = option.trim();
      break;
    }
    case 'gw-priority':
      if (!/^[+-]?\d+$/.test(value)) throw new Error(`invalid gw-priority (${value}): invalid syntax`);
      attachment.gatewayPriority = Number(value);
      break;
    default:
      throw new Error(`invalid field key ${key}`);
  }
}

export const networkType: FlagType = {
  label: 'network',
  zero: [],
  set: (raw, before) => [...((before as NetworkAttachment[] | undefined) ?? []), parseNetworkFlag(raw)],
};

const PREDEFINED = new Set(['', 'default', 'bridge', 'host', 'none', 'nat']);

export const isUserDefined = (network: string): boolean =>
  !PREDEFINED.has(network) && !network.startsWith('container:');

/** The endpoint as the API takes it; an empty object if nothing was asked for. */
export function endpointSettings(attachment: NetworkAttachment): EndpointSettingsBody {
  if (attachment.target.trim() === '') throw new Error('no name set for network');
  if (!isUserDefined(attachment.target)) {
    if (attachment.aliases.length > 0)
      throw new Error('network-scoped aliases are only supported for user-defined networks');
    if (attachment.links.length > 0) throw new Error('links are only supported for user-defined networks');
  }
  const { aliases, links, driverOptions, gatewayPriority, ipv4, ipv6, linkLocalIps, mac } = attachment;
  // The daemon checks addresses: it knows the network.
  const ipam = {
    ...(ipv4 !== '' && { IPv4Address: ipv4 }),
    ...(ipv6 !== '' && { IPv6Address: ipv6 }),
    ...(linkLocalIps.length > 0 && { LinkLocalIPs: linkLocalIps }),
  };
  return {
    ...(aliases.length > 0 && { Aliases: aliases }),
    ...(links.length > 0 && { Links: links }),
    ...(Object.keys(driverOptions).length > 0 && { DriverOpts: driverOptions }),
    ...(gatewayPriority !== 0 && { GwPriority: gatewayPriority }),
    ...(Object.keys(ipam).length > 0 && { IPAMConfig: ipam }),
    ...(mac !== '' && { MacAddress: checkMac(mac) }),
  };
}

export function checkMac(mac: string): string {
  const plain = mac.trim();
  if (parseMac(plain) === undefined) throw new Error(`${mac} is not a valid mac address`);
  return plain;
}
