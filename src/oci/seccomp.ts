/**
 * Resolves a seccomp profile (the default one, or a JSON one that a user gave) for an architecture and capabilities.
 */
import { invalid } from '../base/errors.ts';
import type { OciSeccomp, OciSeccompArg, OciSyscall, SeccompAction } from './oci-spec.ts';
import {
  ALLOWED_SYSCALLS,
  ENOSYS,
  EPERM,
  NAMESPACE_CLONE_FLAGS,
  PERSONALITIES,
  SECCOMP_ARCHITECTURES,
  SOCKET_FAMILIES,
  SYSCALLS_BY_ARCHITECTURE,
  SYSCALLS_BY_CAPABILITY,
  TRACING_SYSCALLS,
} from './seccomp-profile.ts';

/** Go's name of an architecture, as profiles use it, for Node's. */
export function goArchitecture(nodeArchitecture: string): string {
  const names: Record<string, string> = { x64: 'amd64', ia32: 'x86', ppc64: 'ppc64le' };
  return names[nodeArchitecture] ?? nodeArchitecture;
}

const allow = (names: readonly string[], arg?: OciSeccompArg): OciSyscall => ({
  names,
  action: 'SCMP_ACT_ALLOW',
  ...(arg ? { args: [arg] } : {}),
});

const resolved = new Map<string, OciSeccomp>();
const ours = new WeakSet<OciSeccomp>();

/**
 * The default profile, one value for the same question. `capabilities` is the bounding set; `architecture` Go's name
 * ('amd64').
 */
export function defaultSeccomp(capabilities: readonly string[], architecture: string): OciSeccomp {
  const key = [architecture, ...capabilities].join(' ');
  let profile = resolved.get(key);
  if (profile === undefined) {
    if (resolved.size >= 64) resolved.clear();
    profile = resolveDefault(capabilities, architecture);
    resolved.set(key, profile);
    ours.add(profile);
  }
  return profile;
}

/** Whether it is a value of defaultSeccomp's: by identity, so nothing that a user wrote can be it. */
export function isDefaultSeccomp(profile: OciSeccomp): boolean {
  return ours.has(profile);
}

function resolveDefault(capabilities: readonly string[], architecture: string): OciSeccomp {
  const admin = capabilities.includes('CAP_SYS_ADMIN');
  const names = new Set([...ALLOWED_SYSCALLS, ...TRACING_SYSCALLS, ...(SYSCALLS_BY_ARCHITECTURE[architecture] ?? [])]);
  for (const capability of capabilities) for (const name of SYSCALLS_BY_CAPABILITY[capability] ?? []) names.add(name);
  const syscalls: OciSyscall[] = [
    // One list, in one order: the same filter for the same capabilities, which the runtime then finds in its cache.
    allow([...names].sort()),
    ...SOCKET_FAMILIES.map((arg) => allow(['socket'], arg)),
    ...PERSONALITIES.map((arg) => allow(['personality'], arg)),
  ];
  if (!admin) {
    // On s390 the flags are clone's second argument. The flags of clone3 are in memory, where a filter cannot look:
    // ENOSYS makes the C library use clone instead.
    const index = architecture.startsWith('s390') ? 1 : 0;
    syscalls.push(allow(['clone'], { index, value: NAMESPACE_CLONE_FLAGS, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' }));
    syscalls.push({ names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: ENOSYS });
  }
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: EPERM,
    architectures: SECCOMP_ARCHITECTURES[architecture] ?? [],
    syscalls,
  };
}

interface ProfileCondition {
  readonly arches?: readonly string[];
  readonly caps?: readonly string[];
  readonly minKernel?: string;
}

interface ProfileSyscall {
  readonly name?: string;
  readonly names?: readonly string[];
  readonly action?: string;
  readonly errnoRet?: number | null;
  readonly args?: readonly OciSeccompArg[] | null;
  readonly includes?: ProfileCondition | null;
  readonly excludes?: ProfileCondition | null;
}

interface Profile {
  readonly defaultAction?: string;
  readonly defaultErrnoRet?: number | null;
  readonly architectures?: readonly string[] | null;
  readonly archMap?:
    | readonly { readonly architecture: string; readonly subArchitectures?: readonly string[] | null }[]
    | null;
  readonly flags?: readonly string[] | null;
  readonly syscalls?: readonly ProfileSyscall[] | null;
}

/** A user's profile in Docker's JSON format, conditions and all. What is wrong with it: kind `invalid`. */
export function parseSeccomp(
  json: string,
  capabilities: readonly string[],
  architecture: string,
  kernelRelease: string,
): OciSeccomp {
  let profile: Profile;
  try {
    profile = JSON.parse(json) as Profile;
  } catch (error) {
    throw invalid(`opening seccomp profile failed: decoding seccomp profile failed: it is no JSON`, error);
  }
  if (typeof profile !== 'object' || profile === null || typeof profile.defaultAction !== 'string') {
    throw invalid('opening seccomp profile failed: decoding seccomp profile failed: no defaultAction');
  }
  checkShape(profile as Readonly<Record<string, unknown>>);
  if (profile.architectures?.length && profile.archMap?.length) {
    throw invalid(
      "both 'architectures' and 'archMap' are specified in the seccomp profile, use either 'architectures' or 'archMap'",
    );
  }
  const native = SECCOMP_ARCHITECTURES[architecture]?.[0];
  const mapped = profile.archMap?.find((entry) => entry.architecture === native);
  const facts = { capabilities, architecture, kernelRelease };
  const syscalls: OciSyscall[] = [];
  for (const call of profile.syscalls ?? []) {
    const name = call.name ?? undefined;
    if (name !== undefined && call.names?.length) {
      throw invalid("both 'name' and 'names' are specified in the seccomp profile, use either 'name' or 'names'");
    }
    if (call.includes && !meets(call.includes, facts, 'all')) continue;
    if (call.excludes && meets(call.excludes, facts, 'any')) continue;
    syscalls.push({
      names: call.names ?? (name === undefined ? [] : [name]),
      action: (call.action ?? 'SCMP_ACT_ERRNO') as SeccompAction,
      ...(call.errnoRet === undefined || call.errnoRet === null ? {} : { errnoRet: call.errnoRet }),
      ...(call.args?.length ? { args: call.args } : {}),
    });
  }
  return {
    defaultAction: profile.defaultAction as SeccompAction,
    ...(profile.defaultErrnoRet === undefined || profile.defaultErrnoRet === null
      ? {}
      : { defaultErrnoRet: profile.defaultErrnoRet }),
    architectures: mapped ? [mapped.architecture, ...(mapped.subArchitectures ?? [])] : (profile.architectures ?? []),
    ...(profile.flags?.length ? { flags: profile.flags } : {}),
    syscalls,
  };
}

type Shape = 'text' | 'number' | 'texts' | { readonly [field: string]: Shape } | readonly [Shape];

const CONDITION: Shape = { arches: 'texts', caps: 'texts', minKernel: 'text' };
const PROFILE: Shape = {
  defaultAction: 'text',
  defaultErrnoRet: 'number',
  architectures: 'texts',
  archMap: [{ architecture: 'text', subArchitectures: 'texts' }],
  flags: 'texts',
  syscalls: [
    {
      name: 'text',
      names: 'texts',
      action: 'text',
      errnoRet: 'number',
      args: [{ index: 'number', value: 'number', valueTwo: 'number', op: 'text' }],
      includes: CONDITION,
      excludes: CONDITION,
    },
  ],
};

/** Throws in the words of Go's decoder for a value whose type does not match the format; null counts as absent. */
function checkShape(profile: Readonly<Record<string, unknown>>): void {
  const check = (value: unknown, shape: Shape, path: string): void => {
    const wrong = (type: string): never => {
      const found = Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value;
      throw invalid(
        `opening seccomp profile failed: decoding seccomp profile failed: json: cannot unmarshal ${found} into Go struct field ${path} of type ${type}`,
      );
    };
    if (value === undefined || value === null) return;
    if (shape === 'text') return void (typeof value === 'string' || wrong('string'));
    if (shape === 'number') return void (Number.isInteger(value) || wrong('uint'));
    if (shape === 'texts')
      return void ((Array.isArray(value) && value.every((item) => typeof item === 'string')) || wrong('[]string'));
    if (Array.isArray(shape)) {
      if (!Array.isArray(value)) return wrong('[]struct');
      for (const item of value as unknown[]) {
        if (typeof item !== 'object' || item === null) wrong('struct');
        check(item, shape[0] as Shape, path);
      }
      return;
    }
    if (typeof value !== 'object' || Array.isArray(value)) return wrong('struct');
    for (const [field, inner] of Object.entries(shape))
      check((value as Record<string, unknown>)[field], inner as Shape, `${path}.${field}`);
  };
  check(profile, PROFILE, 'Seccomp');
}

// `includes` requires everything that it names; one hit is enough for `excludes`.
function meets(
  condition: ProfileCondition,
  facts: { capabilities: readonly string[]; architecture: string; kernelRelease: string },
  mode: 'all' | 'any',
): boolean {
  const checks: boolean[] = [];
  if (condition.arches?.length) checks.push(condition.arches.includes(facts.architecture));
  for (const capability of condition.caps ?? []) checks.push(facts.capabilities.includes(capability));
  if (condition.minKernel) checks.push(!olderThan(facts.kernelRelease, condition.minKernel));
  return mode === 'all' ? checks.every(Boolean) : checks.some(Boolean);
}

/** Whether a kernel ('6.1.0-18-amd64') is older than a version ('5.12'). */
export function olderThan(release: string, wanted: string): boolean {
  const [major = 0, minor = 0] = release.split(/[.-]/).map(Number);
  const [wantedMajor = 0, wantedMinor = 0] = wanted.split('.').map(Number);
  return major < wantedMajor || (major === wantedMajor && minor < wantedMinor);
}
