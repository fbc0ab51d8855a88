/**
 * Annotations are notes for readers of config.json, and runtimes take some of them as instructions: crun another
 * seccomp filter, a library to load, a host's file to write; runc and crun properties of a systemd unit. Docker passes
 * them all on. Here a container's confinement is what its other options set, so these are refused at create, and never
 * given to a runtime where an older record has them. What no option of the engine replaces (delegation of cgroups,
 * virtual machines) is a runtime's own configuration's matter.
 */
import { invalid } from '../base/errors.ts';

/** Prefixes of what crun (to 1.21) and runc (to 1.3) interpret, by their origin. */
const STEERING = [
  'run.oci.', // crun: seccomp_bpf_data, seccomp.plugins, seccomp.receiver, hooks.stdout, handler, keep_original_groups, ...
  'krun.', // crun's virtual machines
  'module.wasm.', // crun: executes the program by another handler
  'io.kubernetes.cri', // cri-o and containerd: sandboxes, devices, userns modes
  'org.criu.', // runc and crun: a configuration file of the host
  'org.systemd.', // runc and crun: any property of the unit, commands that the host runs included
  'org.opencontainers.runc.', // runc: CPUs of an exec
];

/**
 * Notes of Kubernetes and of the shim that drives Docker for it: stored and shown. A runtime never sees
 * them.
 */
const WITHHELD = 'io.kubernetes.';

const steersRuntime = (key: string): boolean => STEERING.some((prefix) => key.startsWith(prefix));

/** Kind `invalid` for an annotation that a runtime would take for an order. */
export function checkAnnotations(annotations: Readonly<Record<string, string>>): void {
  const key = Object.keys(annotations).find(steersRuntime);
  if (key === undefined) return;
  throw invalid(
    `invalid Annotations: "${key}" would steer the OCI runtime past the container's confinement and is not accepted; use the options of create (--security-opt, --group-add, ...)`,
  );
}

/** Those that a runtime may see. */
export function harmlessAnnotations(annotations: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(annotations).filter(([key]) => !steersRuntime(key) && !key.startsWith(WITHHELD)),
  );
}
