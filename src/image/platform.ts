/** 'linux/arm64/v8' and what this machine is. */
import { invalid } from '../base/errors.ts';
import { ownField } from '../base/own-field.ts';

export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant: string;
}

const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386', arm64: 'arm64', arm: 'arm' };
const ALIASES: Readonly<Record<string, readonly [string, string]>> = {
  x86_64: ['amd64', ''],
  'x86-64': ['amd64', ''],
  i386: ['386', ''],
  aarch64: ['arm64', ''],
  armhf: ['arm', 'v7'],
  armel: ['arm', 'v6'],
};

export const HOST_PLATFORM: Platform = {
  os: 'linux',
  architecture: ARCHITECTURES[process.arch] ?? process.arch,
  variant: '',
};

/** '' is this machine's. */
export function parsePlatform(text: string): Platform {
  if (text === '') return HOST_PLATFORM;
  const parts = text.toLowerCase().split('/');
  if (parts.length > 3 || parts.some((part) => !/^[a-z0-9_.-]+$/.test(part))) {
    throw invalid(`invalid platform: ${JSON.stringify(text)} is an invalid OS and Architecture specifier`);
  }
  const [first = '', second, third] = parts;
  // One word is an operating system or an architecture.
  const os = second === undefined && first !== 'linux' && first !== 'windows' ? 'linux' : first;
  const named = second ?? (os === first ? HOST_PLATFORM.architecture : first);
  const [architecture, variant] = ownField(ALIASES, named) ?? [named, ''];
  return { os, architecture, variant: third ?? variant };
}

/** How well an image for `offered` runs where `wanted` is asked for: higher is better, 0 not at all. */
export function rankPlatform(offered: Platform, wanted: Platform): number {
  if (offered.os !== wanted.os || offered.architecture !== wanted.architecture) return 0;
  const plain = (platform: Platform) =>
    platform.variant === '' || (platform.architecture === 'arm64' && platform.variant === 'v8');
  if (offered.variant === wanted.variant || (plain(offered) && plain(wanted))) return 3;
  // An older ARM's programs run on a newer one; without a variant wanted, the newest is taken.
  if (wanted.variant === '') return 1 + Number(offered.variant.slice(1) || 0) / 10;
  if (offered.architecture === 'arm' && offered.variant < wanted.variant)
    return 1 + Number(offered.variant.slice(1) || 0) / 10;
  return plain(offered) ? 0.5 : 0;
}

export function formatPlatform(platform: Platform): string {
  return [platform.os, platform.architecture, platform.variant].filter((part) => part !== '').join('/');
}
