/** `network create` */
import { isIP } from 'node:net';
import type { NetworkCreateBody, NetworkCreateResponseJson } from '../../wire/network.ts';
import { ApiError, type ApiClient } from '../api/client.ts';
import type { Call, Command } from '../command/command.ts';
import * as type from '../command/flag-types.ts';
import { StatusError } from '../command/status-error.ts';
import { checkLabel } from '../container/flag-checks.ts';
import { pairs } from '../container/create-request.ts';
import { complain, printLine } from '../terminal/output.ts';

export const createCommand: Command = {
  use: 'create [OPTIONS] NETWORK',
  short: 'Create a network',
  args: [1, 1],
  flags: [
    { name: 'attachable', type: type.bool, usage: 'Enable manual container attachment' },
    { name: 'aux-address', type: type.map, usage: 'Auxiliary IPv4 or IPv6 addresses used by Network driver' },
    { name: 'config-from', type: type.string, usage: 'The network from which to copy the configuration' },
    { name: 'config-only', type: type.bool, usage: 'Create a configuration only network' },
    { name: 'driver', short: 'd', type: type.string, preset: 'bridge', usage: 'Driver to manage the Network' },
    { name: 'gateway', type: type.strings, usage: 'IPv4 or IPv6 Gateway for the master subnet' },
    { name: 'ingress', type: type.bool, usage: 'Create swarm routing-mesh network' },
    { name: 'internal', type: type.bool, usage: 'Restrict external access to the network' },
    { name: 'ip-range', type: type.strings, usage: 'Allocate container ip from a sub-range' },
    { name: 'ipam-driver', type: type.string, preset: 'default', usage: 'IP Address Management Driver' },
    { name: 'ipam-opt', type: type.map, usage: 'Set IPAM driver specific options' },
    { name: 'ipv4', type: type.bool, preset: 'true', usage: 'Enable or disable IPv4 address assignment' },
    { name: 'ipv6', type: type.bool, usage: 'Enable or disable IPv6 address assignment' },
    { name: 'label', type: type.list, check: checkLabel, usage: 'Set metadata on a network' },
    { name: 'opt', short: 'o', type: type.map, usage: 'Set driver specific options' },
    { name: 'scope', type: type.string, usage: "Control the network's scope" },
    { name: 'subnet', type: type.strings, usage: 'Subnet in CIDR format that represents a network segment' },
  ],
  run,
};

interface Pool {
  Subnet: string;
  IPRange?: string;
  Gateway?: string;
  AuxiliaryAddresses?: Record<string, string>;
}

async function run({ flags, args, client }: Call): Promise<void> {
  const pools = groupPools(
    flags.list('subnet'),
    flags.list('ip-range'),
    flags.list('gateway'),
    flags.map('aux-address'),
  );
  const configFrom = flags.string('config-from');
  const body: NetworkCreateBody = {
    Name: args[0] ?? '',
    Driver: flags.string('driver'),
    Options: flags.map('opt'),
    IPAM: { Driver: flags.string('ipam-driver'), Config: pools, Options: flags.map('ipam-opt') },
    Internal: flags.bool('internal'),
    EnableIPv4: flags.changed('ipv4') ? flags.bool('ipv4') : undefined,
    EnableIPv6: flags.changed('ipv6') ? flags.bool('ipv6') : undefined,
    Attachable: flags.bool('attachable'),
    Ingress: flags.bool('ingress'),
    Scope: flags.string('scope'),
    ConfigOnly: flags.bool('config-only'),
    ConfigFrom: configFrom === '' ? undefined : { Network: configFrom },
    Labels: pairs(flags.list('label')),
  };
  const { Id, Warning: warning } = await client
    .json<NetworkCreateResponseJson>('POST', '/networks/create', { body })
    .catch(async (error: unknown) => {
      throw await withDrivers(error, flags.string('driver'), client);
    });
  // Docker's own client passes over it in silence.
  for (const line of (warning ?? '').split('\n')) if (line !== '') complain(`WARNING: ${line}`);
  printLine(Id);
}

/**
 * Appended to the refusal of a driver that Docker has and the engine does not: the existing drivers. For an unknown
 * name, Docker's words are enough.
 */
async function withDrivers(error: unknown, driver: string, client: ApiClient): Promise<unknown> {
  if (!(error instanceof ApiError) || driver !== 'overlay') return error;
  const info = await client
    .json<{ Plugins?: { Network?: readonly string[] | null } }>('GET', '/info')
    .catch(() => undefined);
  const drivers = info?.Plugins?.Network ?? [];
  if (drivers.length === 0 || drivers.includes(driver)) return error;
  const made = drivers.filter((name) => name !== 'host' && name !== 'null');
  return new StatusError(
    `${error.message}\n\nDrivers of networks are ${made.slice(0, -1).join(', ')} and ${made.at(-1)}; the networks host and none are there already`,
  );
}

/** Each range, gateway and auxiliary address goes to the subnet that it lies in. */
export function groupPools(
  subnets: readonly string[],
  ranges: readonly string[],
  gateways: readonly string[],
  auxiliary: Readonly<Record<string, string>>,
): Pool[] {
  if (subnets.length < ranges.length || subnets.length < gateways.length) {
    throw new StatusError('every ip-range or gateway must have a corresponding subnet');
  }
  const pools: Pool[] = [];
  for (const subnet of subnets) {
    for (const other of pools) {
      if (
        isCidr(subnet) &&
        isCidr(other.Subnet) &&
        (contains(other.Subnet, subnet) || contains(subnet, other.Subnet))
      ) {
        throw new StatusError('multiple overlapping subnet configuration is not supported');
      }
    }
    pools.push({ Subnet: subnet });
  }
  const poolOf = (address: string) => pools.find(({ Subnet }) => isCidr(Subnet) && contains(Subnet, address));
  for (const range of ranges) {
    const pool = poolOf(range);
    if (!pool) throw new StatusError(`no matching subnet for range ${range}`);
    if (pool.IPRange)
      throw new StatusError(
        `cannot configure multiple ranges (${range}, ${pool.IPRange}) on the same subnet (${pool.Subnet})`,
      );
    pool.IPRange = range;
  }
  for (const gateway of gateways) {
    const pool = poolOf(gateway);
    if (!pool) throw new StatusError(`no matching subnet for gateway ${gateway}`);
    if (pool.Gateway)
      throw new StatusError(
        `cannot configure multiple gateways (${gateway}, ${pool.Gateway}) for the same subnet (${pool.Subnet})`,
      );
    pool.Gateway = gateway;
  }
  for (const [name, address] of Object.entries(auxiliary)) {
    const pool = poolOf(address);
    if (!pool) throw new StatusError(`no matching subnet for aux-address ${address}`);
    (pool.AuxiliaryAddresses ??= {})[name] = address;
  }
  return pools;
}

function isCidr(text: string): boolean {
  const [address = '', length] = text.split('/');
  const version = isIP(address);
  return version !== 0 && length !== undefined && /^\d+$/.test(length) && Number(length) <= (version === 4 ? 32 : 128);
}

/** True if the address, or the first of a subnet, lies in `subnet`. */
function contains(subnet: string, other: string): boolean {
  const [base = '', length = ''] = subnet.split('/');
  const address = other.split('/')[0] ?? '';
  const version = isIP(base);
  if (isIP(address) !== version) return false;
  const shift = BigInt((version === 4 ? 32 : 128) - Number(length));
  return addressValue(base) >> shift === addressValue(address) >> shift;
}

function addressValue(address: string): bigint {
  if (isIP(address) === 4) return address.split('.').reduce((value, part) => (value << 8n) | BigInt(part), 0n);
  const [head = '', tail] = address
    .replace(
      /:(\d+)\.(\d+)\.(\d+)\.(\d+)$/,
      (_, a: string, b: string, c: string, d: string) =>
        `:${(Number(a) * 256 + Number(b)).toString(16)}:${(Number(c) * 256 + Number(d)).toString(16)}`,
    )
    .split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const groups = [...left, ...Array.from({ length: 8 - left.length - right.length }, () => '0'), ...right];
  return groups.reduce((value, group) => (value << 16n) | BigInt(`0x${group}`), 0n);
}
