/** --mount type=bind,src=/a,dst=/b,ro */
import { resolve } from 'node:path';
import type { MountDraft } from '../../wire/container-create.ts';
import { parseGoBool, type FlagType } from '../command/flag-types.ts';
import { splitCsv } from '../format/csv.ts';
import { parseRamBytes } from '../format/size.ts';
import { cut } from './flag-checks.ts';

const MAY_STAND_ALONE = ['readonly', 'ro', 'volume-nocopy', 'bind-nonrecursive', 'bind-create-src'];

export function parseMount(text: string): MountDraft {
  if (text === '') throw new Error('EOF');
  const mount: MountDraft = { Type: 'volume', Target: '' };
  for (const field of splitCsv(text)) setField(mount, field);
  checkMount(mount);
  return mount;
}

function setField(mount: MountDraft, field: string): void {
  const [word, given] = cut(field, '=');
  const key = word.toLowerCase();
  if (given === undefined && !MAY_STAND_ALONE.includes(key))
    throw new Error(`invalid field '${field}' must be a key=value pair`);
  const value = given ?? 'true';
  const flag = () => {
    try {
      return parseGoBool(value);
    } catch {
      throw new Error(`invalid value for ${key}: ${value}`);
    }
  };
  switch (key) {
    case 'type':
      mount.Type = value.toLowerCase();
      break;
    case 'source':
    case 'src':
      mount.Source = value.startsWith('.') ? resolve(value) : value;
      break;
    case 'target':
    case 'dst':
    case 'destination':
      mount.Target = value;
      break;
    case 'readonly':
    case 'ro':
      mount.ReadOnly = flag();
      break;
    case 'consistency':
      mount.Consistency = value.toLowerCase();
      break;
    case 'bind-propagation':
      (mount.BindOptions ??= {})['Propagation'] = value.toLowerCase();
      break;
    case 'bind-nonrecursive':
      (mount.BindOptions ??= {})['NonRecursive'] = flag();
      break;
    case 'bind-create-src':
      (mount.BindOptions ??= {})['CreateMountpoint'] = flag();
      break;
    case 'bind-recursive':
      setRecursive(mount, key, value);
      break;
    case 'volume-subpath':
      (mount.VolumeOptions ??= {}).Subpath = value;
      break;
    case 'volume-nocopy':
      (mount.VolumeOptions ??= {}).NoCopy = flag();
      break;
    case 'volume-label':
      addPair(((mount.VolumeOptions ??= {}).Labels ??= {}), value);
      break;
    case 'volume-driver':
      ((mount.VolumeOptions ??= {}).DriverConfig ??= {}).Name = value;
      break;
    case 'volume-opt':
      addPair((((mount.VolumeOptions ??= {}).DriverConfig ??= {}).Options ??= {}), value);
      break;
    case 'image-subpath':
      mount.ImageOptions = { Subpath: value };
      break;
    case 'tmpfs-size':
      try {
        (mount.TmpfsOptions ??= {}).SizeBytes = parseRamBytes(value);
      } catch {
        throw new Error(`invalid value for ${key}: ${value}`);
      }
      break;
    case 'tmpfs-mode':
      if (!/^[0-7]+$/.test(value)) throw new Error(`invalid value for ${key}: ${value}`);
      (mount.TmpfsOptions ??= {}).Mode = Number.parseInt(value, 8);
      break;
    default:
      throw new Error(`unexpected key '${key}' in '${field}'`);
  }
}

function setRecursive(mount: MountDraft, key: string, value: string): void {
  const options = (mount.BindOptions ??= {});
  if (value === 'disabled') options['NonRecursive'] = true;
  else if (value === 'writable') options['ReadOnlyNonRecursive'] = true;
  else if (value === 'readonly') options['ReadOnlyForceRecursive'] = true;
  else if (value !== 'enabled') {
    throw new Error(`invalid value for ${key}: ${value} (must be "enabled", "disabled", "writable", or "readonly")`);
  }
}

function addPair(target: Record<string, string | null | undefined>, pair: string): void {
  const [key, value] = cut(pair, '=');
  target[key] = value ?? '';
}

function checkMount(mount: MountDraft): void {
  if (mount.Type === '') throw new Error('type is required');
  if (mount.Target === '') throw new Error('target is required');
  const mixed = (options: unknown, name: string, type: string) => {
    if (options !== undefined && mount.Type !== type)
      throw new Error(`cannot mix '${name}-*' options with mount type '${mount.Type}'`);
  };
  mixed(mount.VolumeOptions, 'volume', 'volume');
  mixed(mount.ImageOptions, 'image', 'image');
  mixed(mount.BindOptions, 'bind', 'bind');
  mixed(mount.TmpfsOptions, 'tmpfs', 'tmpfs');
  const bind = mount.BindOptions;
  if (bind?.['ReadOnlyNonRecursive'] && !mount.ReadOnly)
    throw new Error("option 'bind-recursive=writable' requires 'readonly' to be specified in conjunction");
  if (bind?.['ReadOnlyForceRecursive'] && !mount.ReadOnly)
    throw new Error("option 'bind-recursive=readonly' requires 'readonly' to be specified in conjunction");
  if (bind?.['ReadOnlyForceRecursive'] && bind['Propagation'] !== 'rprivate') {
    throw new Error(
      "option 'bind-recursive=readonly' requires 'bind-propagation=rprivate' to be specified in conjunction",
    );
  }
}

export const mountType: FlagType = {
  label: 'mount',
  zero: [],
  set: (raw, before) => [...((before as MountDraft[] | undefined) ?? []), parseMount(raw)],
};
