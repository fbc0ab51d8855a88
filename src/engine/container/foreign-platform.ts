/** An image for another machine than this one may run all the same: by emulation, or not at all. The user is told. */
import { readFileSync } from 'node:fs';
import { formatPlatform, HOST_PLATFORM, rankPlatform, type Platform } from '../../model/platform.ts';

export function foreignPlatformWarnings(image: Platform): string[] {
  // Where the configuration does not say, nothing is known.
  if (image.architecture === '' || rankPlatform(image, HOST_PLATFORM) > 0) return [];
  return [
    `The requested image's platform (${formatPlatform(image)}) does not match the detected host platform (${formatPlatform({ ...HOST_PLATFORM, variant: hostVariant() })}) and no specific platform was requested`,
  ];
}

/** What the processor has to have for a level of x86-64, the highest first. */
const LEVELS: readonly (readonly [variant: string, flags: readonly string[]])[] = [
  ['v4', ['avx512f', 'avx512bw', 'avx512cd', 'avx512dq', 'avx512vl']],
  ['v3', ['avx', 'avx2', 'bmi1', 'bmi2', 'f16c', 'fma', 'movbe']],
  ['v2', ['cx16', 'popcnt', 'sse4_1', 'sse4_2', 'ssse3']],
];

let variant: string | undefined;

/** As containerd names it in messages: 'v3' of linux/amd64/v3. */
function hostVariant(): string {
  if (HOST_PLATFORM.architecture !== 'amd64') return '';
  variant ??= variantOf(readFileSync('/proc/cpuinfo', 'utf8'));
  return variant;
}

function variantOf(cpuinfo: string): string {
  const flags = new Set(/^flags\s*:(.*)$/m.exec(cpuinfo)?.[1]?.trim().split(' ') ?? []);
  let reached = '';
  for (const [name, needed] of [...LEVELS].reverse()) {
    if (!needed.every((flag) => flags.has(flag))) break;
    reached = name;
  }
  return reached;
}
