/** What devices that were asked for by name (CDI, --gpus) change of a container's specification. */
import type { OciDevice, OciDeviceRule, OciHooks, OciIntelRdt, OciMount } from './oci-spec.ts';

export interface DeviceEdits {
  readonly env: readonly string[];
  readonly devices: readonly { readonly device: OciDevice; readonly access: string }[];
  readonly mounts: readonly OciMount[];
  readonly hooks: OciHooks;
  readonly intelRdt?: OciIntelRdt;
  readonly additionalGids: readonly number[];
}

export const NO_EDITS: DeviceEdits = { env: [], devices: [], mounts: [], hooks: {}, additionalGids: [] };

/** One after the other: of what only one can be, the last one counts. */
export function joinEdits(all: readonly DeviceEdits[]): DeviceEdits {
  const intelRdt = all.findLast((one) => one.intelRdt !== undefined)?.intelRdt;
  const hooks: { -readonly [K in keyof OciHooks]: OciHooks[K] } = {};
  for (const one of all)
    for (const [name, added] of Object.entries(one.hooks) as [keyof OciHooks, OciHooks[keyof OciHooks]][])
      hooks[name] = [...(hooks[name] ?? []), ...(added ?? [])];
  return {
    env: all.flatMap(({ env }) => env),
    devices: all.flatMap(({ devices }) => devices),
    mounts: all.flatMap(({ mounts }) => mounts),
    hooks,
    ...(intelRdt ? { intelRdt } : {}),
    additionalGids: all.flatMap(({ additionalGids }) => additionalGids),
  };
}

const nameOf = (entry: string): string => entry.split('=', 1)[0]!;

/** A variable that is there already gets the new value in its place. */
export function editEnvironment(env: readonly string[], added: readonly string[]): readonly string[] {
  const byName = new Map(env.map((entry) => [nameOf(entry), entry]));
  for (const entry of added) byName.set(nameOf(entry), entry);
  return [...byName.values()];
}

/** A node at a path replaces the one that was to be there; who has it may use it. */
export function editDevices(
  given: { readonly devices: readonly OciDevice[]; readonly rules: readonly OciDeviceRule[] },
  added: DeviceEdits['devices'],
): { devices: OciDevice[]; rules: OciDeviceRule[] } {
  const byPath = new Map(given.devices.map((device) => [device.path, device]));
  for (const { device } of added) {
    byPath.delete(device.path);
    byPath.set(device.path, device);
  }
  const rules = added.flatMap(({ device: { type, major, minor }, access }) =>
    type === 'b' || type === 'c' ? [{ allow: true, type, major, minor, access }] : [],
  );
  return { devices: [...byPath.values()], rules: [...given.rules, ...rules] };
}

/** The mounts that every container has, with these among them: the shallower ones first. */
export function editMounts(system: readonly OciMount[], added: readonly OciMount[]): readonly OciMount[] {
  if (added.length === 0) return system;
  let mounts = [...system];
  for (const one of added) mounts = [...mounts.filter(({ destination }) => destination !== one.destination), one];
  const depth = ({ destination }: OciMount) => destination.split('/').filter((part) => part !== '').length;
  return mounts.sort((a, b) => depth(a) - depth(b));
}
