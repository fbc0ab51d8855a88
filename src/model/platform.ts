/** 'linux/arm64/v8': what an image is for, what a user asks for, and what this machine is. Words are containerd's. */
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
const KNOWN_SYSTEMS = new Set(
  'aix android darwin dragonfly freebsd hurd illumos ios js linux nacl netbsd openbsd plan9 solaris windows zos'.split(
    ' ',
  ),
);
const KNOWN_ARCHITECTURES = new Set(
  '386 amd64 amd64p32 arm armbe arm64 arm64be loong64 mips mipsle mips64 mips64le mips64p32 mips64p32le ppc ppc64 ppc64le riscv riscv64 s390 s390x sparc sparc64 wasm'.split(
    ' ',
  ),
);
const MAX_SHOWN = 200;
/** System, machine and variant. */
const MAX_PARTS = 3;
const COMPONENT = [/^[A-Za-z0-9_.-]+$/, 'component', 'platform specifier component must match'] as const;
/** 'windows(10.0.17763+win32k)': with a version and features. */
const SYSTEM_COMPONENT = [
  /^([A-Za-z0-9_-]+)(?:\(([A-Za-z0-9_.%-]*)((?:\+[A-Za-z0-9_.%-]+)*)\))?$/,
  'OS component',
  'OSAndVersion specifier component must match',
] as const;

export const HOST_PLATFORM: Platform = {
  os: 'linux',
  architecture: ARCHITECTURES[process.arch] ?? process.arch,
  variant: '',
};

/** '' is this machine's. @throws invalid */
export function parsePlatform(text: string): Platform {
  if (text === '') return HOST_PLATFORM;
  const quoted = JSON.stringify(text.slice(0, MAX_SHOWN));
  if (text.includes('*')) throw invalid(`${quoted}: wildcards not yet supported: invalid argument`);
  const parts = splitOff(text, MAX_PARTS + 1);
  checkComponents(parts, quoted);
  if (parts.length > MAX_PARTS) throw invalid(`${quoted}: cannot parse platform specifier: invalid argument`);
  // The version of an operating system decides nothing here: no image of Linux has one.
  parts[0] = parts[0]!.replace(/\(.*/, '');
  const [first = '', second, third = ''] = parts.map((part) => part.toLowerCase());
  if (second !== undefined) return { os: first, ...machine(second, third) };
  // One word is an operating system or an architecture.
  if (KNOWN_SYSTEMS.has(first)) return { ...HOST_PLATFORM, os: first };
  const one = machine(first, '');
  if (!KNOWN_ARCHITECTURES.has(one.architecture))
    throw invalid(`${quoted}: unknown operating system or architecture: invalid argument`);
  return { os: 'linux', ...one };
}

/** At most `count` parts; the last keeps the rest. */
function splitOff(text: string, count: number): string[] {
  const parts = text.split('/');
  return parts.length <= count ? parts : [...parts.slice(0, count - 1), parts.slice(count - 1).join('/')];
}

function checkComponents(parts: readonly string[], quoted: string): void {
  for (const [i, part] of parts.entries()) {
    const [pattern, name, rule] = i === 0 ? SYSTEM_COMPONENT : COMPONENT;
    if (pattern.test(part)) continue;
    const shown = JSON.stringify(part.slice(0, MAX_SHOWN));
    throw invalid(
      `${shown} is an invalid ${name} of ${quoted}: ${rule} ${JSON.stringify(pattern.source)}: invalid argument`,
    );
  }
}

function machine(name: string, variant: string): { architecture: string; variant: string } {
  const [architecture, implied] = ownField(ALIASES, name) ?? [name, ''];
  const given = variant === '' ? implied : variant;
  // What these say is what is meant without them.
  const plain = architecture === 'amd64' && given === 'v1';
  return { architecture, variant: plain ? '' : given };
}

/** The same for parts that came one by one. */
export function platformOf(os: string, architecture: string, variant: string): Platform {
  return { os: os.toLowerCase(), ...machine(architecture.toLowerCase(), variant.toLowerCase()) };
}

/** How well an image for `offered` runs where `wanted` is asked for: higher is better, 0 not at all. */
export function rankPlatform(offered: Platform, wanted: Platform): number {
  if (offered.os !== wanted.os) return 0;
  const version = Number(offered.variant.slice(1) || 0);
  if (offered.architecture !== wanted.architecture) {
    // Such machines run the programs of their 32-bit forerunners.
    if (wanted.architecture === 'arm64' && offered.architecture === 'arm' && version <= 8) return 0.1 + version / 100;
    return wanted.architecture === 'amd64' && offered.architecture === '386' ? 0.1 : 0;
  }
  const plain = (platform: Platform) =>
    platform.variant === '' || (platform.architecture === 'arm64' && platform.variant === 'v8');
  if (offered.variant === wanted.variant || (plain(offered) && plain(wanted))) return 3;
  // An older ARM's programs run on a newer one; without a variant wanted, the newest is taken.
  if (wanted.variant === '') return 1 + version / 10;
  if (offered.architecture === 'arm' && offered.variant < wanted.variant) return 1 + version / 10;
  return plain(offered) ? 0.5 : 0;
}

export function formatPlatform(platform: Platform): string {
  return [platform.os, platform.architecture, platform.variant].filter((part) => part !== '').join('/');
}
