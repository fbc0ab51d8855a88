/**
 * What Docker refuses when a container is created, before anything of it exists: options that no spec can be built
 * from.
 */
import type { ContainerSpec } from '../model/container.ts';
import { checkAnnotations } from './annotations.ts';
import { resolveCapabilities } from './capabilities.ts';
import { parseDeviceRule } from './devices.ts';
import { hostFacts, type ConfinementFacts } from './host-facts.ts';
import { mergeTmpfsOptions } from './mounts.ts';
import { buildRlimits } from './resources.ts';
import { parseSeccomp } from './seccomp.ts';
import { parseSecurityOptions } from '../model/security-options.ts';
import { parseSignal } from './signals.ts';

/**
 * Throws kind `invalid` with Docker's text. Does not look at the machine's devices or the image's users: start does.
 */
export function checkConfinement(spec: ContainerSpec, host: ConfinementFacts = hostFacts()): void {
  const { capAdd, capDrop, privileged, securityOpt, resources, tmpfs } = spec.host;
  checkAnnotations(spec.host.annotations);
  const security = parseSecurityOptions(securityOpt);
  const capabilities = resolveCapabilities({ privileged, add: capAdd, drop: capDrop, available: host.capabilities });
  if (security.seccomp !== null && security.seccomp !== 'builtin' && security.seccomp !== 'unconfined') {
    parseSeccomp(security.seccomp, capabilities, host.architecture, host.kernelRelease);
  }
  buildRlimits(resources.ulimits);
  for (const rule of resources.deviceCgroupRules) parseDeviceRule(rule);
  for (const options of Object.values(tmpfs)) mergeTmpfsOptions(options);
  if (spec.process.stopSignal !== '') parseSignal(spec.process.stopSignal);
}

/** What was asked for and has no effect on this host. */
export function confinementWarnings(spec: ContainerSpec, host: ConfinementFacts = hostFacts()): string[] {
  const { apparmor } = parseSecurityOptions(spec.host.securityOpt);
  if (host.apparmor || apparmor === '' || apparmor === 'unconfined') return [];
  return [`AppArmor is not enabled on this host. Profile ${JSON.stringify(apparmor)} discarded.`];
}

/** The daemon's own profile, before a container needs it. Throws kind `invalid`. */
export function checkSeccompProfile(json: string, host: ConfinementFacts = hostFacts()): void {
  parseSeccomp(json, host.capabilities, host.architecture, host.kernelRelease);
}
