/** From what CDI specifications say to what the runtime is told: what they leave open is looked up on the host. */
import { lstatSync } from 'node:fs';
import { errorCode, errorMessage, systemError } from '../../base/errors.ts';
import { deviceNumbers } from '../../kernel/device-numbers.ts';
import { leadToServed } from '../../kernel/silent-mounts.ts';
import { joinEdits, type DeviceEdits } from '../device-edits.ts';
import type { OciDevice, OciHook, OciHooks, OciMount } from '../oci-spec.ts';
import type { CdiDeviceNode, CdiEdits, CdiHook, CdiMount } from './cdi-shape.ts';
import type { CdiHookName } from './cdi-spec.ts';

/** @throws systemError in Docker's words where a device of the host is not there */
export function resolveCdiEdits(edits: readonly CdiEdits[]): DeviceEdits {
  return joinEdits(edits.map(resolveOne));
}

function resolveOne({ env, deviceNodes, hooks, mounts, intelRdt, additionalGids }: CdiEdits): DeviceEdits {
  return {
    env,
    devices: deviceNodes.map((node) => ({ device: deviceOf(node), access: node.permissions || 'rwm' })),
    mounts: mounts.map(mountOf),
    hooks: hooksOf(hooks),
    ...(intelRdt ? { intelRdt } : {}),
    additionalGids: additionalGids.filter((gid) => gid !== 0),
  };
}

function deviceOf(node: CdiDeviceNode): OciDevice {
  const { path, fileMode, uid, gid } = node;
  return {
    path,
    ...numbersOf(node),
    ...(fileMode === undefined ? {} : { fileMode }),
    ...(uid === undefined ? {} : { uid }),
    ...(gid === undefined ? {} : { gid }),
  };
}

type Numbers = Pick<OciDevice, 'type' | 'major' | 'minor'>;

function numbersOf(node: CdiDeviceNode): Numbers {
  const type = node.type as OciDevice['type'] | '';
  if (type === 'p' || (type !== '' && node.major !== 0)) return { type, major: node.major, minor: node.minor };
  const hostPath = node.hostPath || node.path;
  const host = hostNumbers(hostPath);
  if (type !== '' && type !== host.type)
    throw notInjected(
      `CDI device (${JSON.stringify(node.path)}, ${JSON.stringify(hostPath)}), host type mismatch (${type}, ${host.type})`,
    );
  return node.major === 0 && host.type !== 'p' ? host : { type: host.type, major: node.major, minor: node.minor };
}

function hostNumbers(path: string): Numbers {
  const failed = (reason: string) => notInjected(`failed to stat CDI host device ${JSON.stringify(path)}: ${reason}`);
  if (!path.startsWith('/dev/') && leadToServed([path]))
    throw failed(
      'a file system that another program or host serves is in the way, and devices are not looked for there',
    );
  try {
    const stats = lstatSync(path);
    const type = stats.isBlockDevice() ? 'b' : stats.isCharacterDevice() ? 'c' : stats.isFIFO() ? 'p' : undefined;
    if (type === undefined) throw failed('not a device node');
    return { type, ...deviceNumbers(stats.rdev) };
  } catch (error) {
    if (errorCode(error) === 'ENOENT') throw failed('no such file or directory');
    if (errorCode(error) !== undefined) throw failed(errorMessage(error));
    throw error;
  }
}

const notInjected = (reason: string) => systemError(`CDI device injection failed: failed to inject devices: ${reason}`);

const mountOf = ({ hostPath, containerPath, options, type }: CdiMount): OciMount => ({
  destination: containerPath,
  source: hostPath,
  options,
  ...(type === '' ? {} : { type }),
});

function hooksOf(hooks: readonly CdiHook[]): OciHooks {
  const found: Partial<Record<CdiHookName, OciHook[]>> = {};
  for (const { hookName, path, args, env, timeout } of hooks)
    (found[hookName as CdiHookName] ??= []).push({
      path,
      ...(args.length > 0 ? { args } : {}),
      ...(env.length > 0 ? { env } : {}),
      ...(timeout === undefined ? {} : { timeout }),
    });
  return found;
}
