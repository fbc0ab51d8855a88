/**
 * Compiled seccomp filters, kept for crun: it compiles the profile for each container anew (2 to 6 ms of libseccomp), and takes
 * a compiled one in an annotation instead. What it compiled for the first container is what the next ones get. The
 * profile stays in the spec: a crun without the annotation compiles as before.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { OciSeccomp, OciSpec } from './oci-spec.ts';

const ANNOTATION = 'run.oci.seccomp_bpf_data';

export class SeccompCache {
  // By identity: defaultSeccomp hands out one value for the same capabilities. A user's own profile is a new value each time.
  readonly #compiled = new WeakMap<OciSeccomp, string>();

  /** The spec with the compiled filter in it, where there is one. */
  apply(spec: OciSpec): OciSpec {
    const compiled = spec.linux.seccomp && this.#compiled.get(spec.linux.seccomp);
    return compiled === undefined ? spec : { ...spec, annotations: { ...spec.annotations, [ANNOTATION]: compiled } };
  }

  /** Keeps what crun compiled for a container that it has created. */
  async learn(spec: OciSpec, stateDirectory: string): Promise<void> {
    const { seccomp } = spec.linux;
    if (seccomp === undefined || this.#compiled.has(seccomp)) return;
    try {
      const filter = await readFile(join(stateDirectory, 'seccomp.bpf'));
      // Instructions of eight bytes; anything else is not what we take it for.
      if (filter.length > 0 && filter.length % 8 === 0) this.#compiled.set(seccomp, filter.toString('base64'));
    } catch {
      // Deleted already, or a crun that keeps it elsewhere: the next container tries again.
    }
  }
}
