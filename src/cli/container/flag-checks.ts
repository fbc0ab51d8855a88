/** Checks of single flag values, with Docker's sentences. Each returns the value in the form that the API takes. */
import { ipVersion } from '../../model/addresses.ts';
import { parseExtraHost } from '../../model/extra-host.ts';
import { parseGoInteger } from '../command/flag-types.ts';
import { parseRamBytes } from '../format/size.ts';

/** [before, after] the first separator; after is undefined without one. */
export function cut(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + separator.length)];
}

export function checkAttach(value: string): string {
  const stream = value.toLowerCase();
  if (!['stdin', 'stdout', 'stderr'].includes(stream)) throw new Error('valid streams are STDIN, STDOUT and STDERR');
  return stream;
}

/** A name without a value takes the value that it has here, if any. */
export function checkEnv(value: string): string {
  const [name, given] = cut(value, '=');
  if (name === '') throw new Error(`invalid environment variable: ${value}`);
  if (given !== undefined) return value;
  const here = process.env[name];
  return here === undefined ? value : `${name}=${here}`;
}

export function checkLabel(value: string): string {
  const key = cut(value, '=')[0].replace(/^[ \t]+/, '');
  if (key === '') throw new Error(`invalid label '${value}': empty name`);
  if (/[ \t]/.test(key)) throw new Error(`label '${key}' contains whitespaces`);
  return value;
}

const SYSCTLS = new Set([
  'kernel.msgmax',
  'kernel.msgmnb',
  'kernel.msgmni',
  'kernel.sem',
  'kernel.shmall',
  'kernel.shmmax',
  'kernel.shmmni',
  'kernel.shm_rmid_forced',
]);

export function checkSysctl(value: string): string {
  const [key, given] = cut(value, '=');
  const allowed = SYSCTLS.has(key) || key.startsWith('net.') || key.startsWith('fs.mqueue.');
  if (given === undefined || !allowed) throw new Error(`sysctl '${value}' is not allowed`);
  return value;
}

export function checkDeviceCgroupRule(value: string): string {
  if (!/^[acb] ([0-9]+|\*):([0-9]+|\*) [rwm]{1,3}$/.test(value))
    throw new Error(`invalid device cgroup format '${value}'`);
  return value;
}

export function checkIp(value: string): string {
  const address = value.trim();
  if (ipVersion(address) === 0) throw new Error(`IP address is not correctly formatted: ${value}`);
  return address;
}

/** name:ip or name=ip; the API requires the colon, and no brackets around an IPv6 address. */
export function checkExtraHost(value: string): string {
  const { name, address } = parseExtraHost(value);
  return `${name}:${address}`;
}

const LABEL = '[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?';
const DOMAIN = new RegExp(`^(${LABEL}(?:\\.${LABEL})*)\\.?\\s*$`);

export function checkDnsSearch(value: string): string {
  const domain = value.replace(/^ +| +$/g, '');
  if (domain === '.') return domain;
  const name = /[a-zA-Z]/.test(domain) ? DOMAIN.exec(domain)?.[1] : undefined;
  if (name === undefined || name.length >= 255) throw new Error(`${domain} is not a valid domain`);
  return name;
}

export function checkLink(value: string): string {
  if (value === '') throw new Error('empty string specified for links');
  if (value.split(':').length > 2) throw new Error(`bad format for links: ${value}`);
  return value;
}

const RATE_HELP =
  'The correct format is <device-path>:<number>[<unit>]. Number must be a positive integer. Unit is optional and can be kb, mb, or gb';
const IOPS_HELP = 'The correct format is <device-path>:<number>. Number must be a positive integer';

function checkDevicePath(value: string): string {
  const [path, rest] = cut(value, ':');
  if (rest === undefined || path === '') throw new Error(`bad format: ${value}`);
  if (!path.startsWith('/dev/')) throw new Error(`bad format for device path: ${value}`);
  return rest;
}

export function checkThrottleBps(value: string): string {
  const rate = checkDevicePath(value);
  try {
    parseRamBytes(rate);
  } catch {
    throw new Error(`invalid rate for device: ${value}. ${RATE_HELP}`);
  }
  return value;
}

export function checkThrottleIops(value: string): string {
  if (!/^\d+$/.test(checkDevicePath(value))) throw new Error(`invalid rate for device: ${value}. ${IOPS_HELP}`);
  return value;
}

export function checkWeightDevice(value: string): string {
  const weight = checkDevicePath(value);
  let number: number;
  try {
    number = parseGoInteger(weight, { signed: false, bits: 16 });
  } catch {
    throw new Error(`invalid weight for device: ${value}`);
  }
  if (number > 0 && (number < 10 || number > 1000)) throw new Error(`invalid weight for device: ${value}`);
  return value;
}
