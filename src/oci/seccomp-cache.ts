/**
 * Compiled seccomp filters for crun: it recompiles the profile for each container (2 to 6 ms of libseccomp), and takes
 * a compiled one in an annotation instead. They are made here, by the same library, of the engine's own default
 * profiles alone: nothing is learned from a container or from what a runtime left in a directory. The profile stays in
 * the spec: a crun that does not know the annotation compiles as before.
 */
import { errorMessage } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { compileFilter, type FilterArgument, type FilterProfile, type FilterRule } from '../kernel/seccomp-filter.ts';
import type { OciSeccomp, OciSeccompArg, OciSpec, OciSyscall } from './oci-spec.ts';
import { EPERM } from './seccomp-profile.ts';
import { isDefaultSeccomp } from './seccomp.ts';

const ANNOTATION = 'run.oci.seccomp_bpf_data';

export class SeccompCache {
  // By identity: defaultSeccomp hands out one value for the same capabilities. null: crun has to do it.
  readonly #compiled = new WeakMap<OciSeccomp, string | null>();
  readonly #log: Log;

  constructor(log: Log) {
    this.#log = log;
  }

  /** The spec with the compiled filter in it, where the profile is the engine's own. */
  apply(spec: OciSpec): OciSpec {
    const { seccomp } = spec.linux;
    if (seccomp === undefined || !isDefaultSeccomp(seccomp)) return spec;
    let compiled = this.#compiled.get(seccomp);
    if (compiled === undefined) this.#compiled.set(seccomp, (compiled = this.#compile(seccomp)));
    return compiled === null ? spec : { ...spec, annotations: { ...spec.annotations, [ANNOTATION]: compiled } };
  }

  #compile(seccomp: OciSeccomp): string | null {
    try {
      return compileFilter(toProfile(seccomp))?.toString('base64') ?? null;
    } catch (error) {
      this.#log.warn(
        { error: errorMessage(error) },
        'the seccomp profile is compiled by the runtime, for each container',
      );
      return null;
    }
  }
}

function toProfile(seccomp: OciSeccomp): FilterProfile {
  return {
    defaultErrno: errnoOf(seccomp.defaultAction, seccomp.defaultErrnoRet),
    architectures: (seccomp.architectures ?? []).map((name) => name.replace('SCMP_ARCH_', '').toLowerCase()),
    rules: (seccomp.syscalls ?? []).map(toRule),
  };
}

const toRule = (call: OciSyscall): FilterRule => ({
  syscalls: call.names,
  errno: errnoOf(call.action, call.errnoRet),
  args: (call.args ?? []).map(toArgument),
});

const toArgument = (arg: OciSeccompArg): FilterArgument => ({
  index: arg.index,
  operator: arg.op.replace('SCMP_CMP_', '') as FilterArgument['operator'],
  value: BigInt(arg.value),
  second: BigInt(arg.valueTwo ?? 0),
});

function errnoOf(action: string, errno = EPERM): number {
  if (action === 'SCMP_ACT_ALLOW') return 0;
  if (action === 'SCMP_ACT_ERRNO') return errno;
  throw new Error(`the default profile has the action ${action}`);
}
