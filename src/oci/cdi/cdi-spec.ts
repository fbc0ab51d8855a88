/** A CDI specification, read and judged as the library in Docker 28.5 does: versions 0.3.0 to 1.0.0. */
import { deviceNameProblem, kindProblem, splitKind } from '../../model/cdi-name.ts';
import {
  readCdiShape,
  type CdiDeviceNode,
  type CdiEdits,
  type CdiHook,
  type CdiRawDevice,
  type CdiRawSpec,
} from './cdi-shape.ts';
import { readYaml, type YamlValue } from './yaml-value.ts';

export interface CdiSpec {
  readonly path: string;
  readonly edits: CdiEdits;
  /** By the qualified name, vendor.com/class=device. */
  readonly devices: ReadonlyMap<string, CdiEdits>;
}

export const HOOK_NAMES = [
  'prestart',
  'createRuntime',
  'createContainer',
  'startContainer',
  'poststart',
  'poststop',
] as const;
export type CdiHookName = (typeof HOOK_NAMES)[number];

/** @throws Error in Docker's words */
export async function parseCdiSpec(path: string, text: string): Promise<CdiSpec> {
  const raw = await unmarshal(path, text);
  try {
    return judged(path, raw);
  } catch (error) {
    throw new Error(`invalid CDI Spec: ${(error as Error).message}`, { cause: error });
  }
}

async function unmarshal(path: string, text: string): Promise<CdiRawSpec> {
  const failed = (reason: string, cause: unknown): Error =>
    new Error(
      `failed to parse CDI Spec ${JSON.stringify(path)}: failed to unmarshal CDI Spec: error ${reason}: ${(cause as Error).message}`,
      { cause },
    );
  let value: YamlValue | undefined;
  try {
    value = await readYaml(text);
  } catch (error) {
    throw failed('converting YAML to JSON', error);
  }
  if (value === undefined || value === null)
    throw new Error(`failed to parse CDI Spec ${JSON.stringify(path)}, no Spec data`);
  try {
    return readCdiShape(value);
  } catch (error) {
    throw failed('unmarshaling JSON: while decoding JSON', error);
  }
}

function judged(path: string, raw: CdiRawSpec): CdiSpec {
  checkVersion(raw);
  const kind = splitKind(raw.kind);
  const problem = kindProblem(kind) ?? editsProblem(raw.containerEdits);
  if (problem !== undefined) throw new Error(problem);
  const devices = new Map<string, CdiEdits>();
  for (const device of raw.devices) {
    const wrong = deviceProblem(device);
    if (wrong !== undefined) throw new Error(`failed add device ${JSON.stringify(device.name)}: ${wrong}`);
    const name = `${kind.vendor}/${kind.class}=${device.name}`;
    if (devices.has(name)) throw new Error(`invalid spec, multiple device ${JSON.stringify(device.name)}`);
    devices.set(name, device.containerEdits);
  }
  if (devices.size === 0) throw new Error('invalid spec, no devices');
  return { path, edits: raw.containerEdits, devices };
}

const VERSIONS = ['0.1.0', '0.2.0', '0.3.0', '0.4.0', '0.5.0', '0.6.0', '0.7.0', '0.8.0', '1.0.0'];

/** What is used must be in the version that is named. */
function checkVersion(raw: CdiRawSpec): void {
  const given = VERSIONS.indexOf(raw.cdiVersion.replace(/^v/, ''));
  if (given < 0) throw new Error(`invalid version ${JSON.stringify(raw.cdiVersion)}`);
  const needed = neededVersion(raw);
  if (VERSIONS.indexOf(needed) > given) throw new Error(`the spec version must be at least v${needed}`);
}

function neededVersion(raw: CdiRawSpec): string {
  const all = [raw.containerEdits, ...raw.devices.map(({ containerEdits }) => containerEdits)];
  if (all.some(({ intelRdt, additionalGids }) => intelRdt !== undefined || additionalGids.length > 0)) return '0.7.0';
  const annotated = [raw, ...raw.devices].some(({ annotations }) => Object.keys(annotations).length > 0);
  if (annotated || (raw.kind.includes('/') && raw.kind.slice(raw.kind.indexOf('/')).includes('.'))) return '0.6.0';
  if (raw.devices.some(({ name }) => /^\d/.test(name))) return '0.5.0';
  if (all.some(({ deviceNodes }) => deviceNodes.some(({ hostPath }) => hostPath !== ''))) return '0.5.0';
  return all.some(({ mounts }) => mounts.some(({ type }) => type !== '')) ? '0.4.0' : '0.3.0';
}

function deviceProblem({ name, containerEdits: edits }: CdiRawDevice): string | undefined {
  const problem = deviceNameProblem(name);
  if (problem !== undefined) return problem;
  const { env, deviceNodes, hooks, mounts, intelRdt, additionalGids } = edits;
  if (intelRdt === undefined && [env, deviceNodes, hooks, mounts, additionalGids].every((one) => one.length === 0))
    return 'invalid device, empty device edits';
  const wrong = editsProblem(edits);
  return wrong === undefined ? undefined : `invalid device ${JSON.stringify(name)}: ${wrong}`;
}

function editsProblem({ env, deviceNodes, hooks, mounts, intelRdt }: CdiEdits): string | undefined {
  const odd = envProblem(env);
  if (odd !== undefined) return `invalid container edits: ${odd}`;
  return (
    first(deviceNodes, nodeProblem) ??
    first(hooks, hookProblem) ??
    first(mounts, ({ hostPath, containerPath }) =>
      hostPath === ''
        ? 'invalid mount, empty host path'
        : containerPath === ''
          ? 'invalid mount, empty container path'
          : undefined,
    ) ??
    (intelRdt && isOddClosId(intelRdt.closID) ? 'invalid ClosID' : undefined)
  );
}

function first<T>(items: readonly T[], problemOf: (item: T) => string | undefined): string | undefined {
  for (const item of items) {
    const problem = problemOf(item);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

const envProblem = (env: readonly string[]): string | undefined =>
  first(env, (entry) => (entry.indexOf('=') > 0 ? undefined : `invalid environment variable ${JSON.stringify(entry)}`));

function nodeProblem({ path, type, permissions }: CdiDeviceNode): string | undefined {
  if (path === '') return 'invalid (empty) device path';
  if (!['', 'b', 'c', 'u', 'p'].includes(type))
    return `device ${JSON.stringify(path)}: invalid type ${JSON.stringify(type)}`;
  if (/[^rwm]/.test(permissions))
    return `device ${JSON.stringify(path)}: invalid permissions ${JSON.stringify(permissions)}`;
  return undefined;
}

function hookProblem({ hookName, path, env }: CdiHook): string | undefined {
  const shown = JSON.stringify(hookName);
  if (!(HOOK_NAMES as readonly string[]).includes(hookName)) return `invalid hook name ${shown}`;
  if (path === '') return `invalid hook ${shown} with empty path`;
  const odd = envProblem(env);
  return odd === undefined ? undefined : `invalid hook ${shown}: ${odd}`;
}

const isOddClosId = (id: string): boolean => id.length >= 4096 || id === '.' || id === '..' || /[/\n]/.test(id);
