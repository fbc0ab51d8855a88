import type { Call } from './call.ts';
import type { ShowOptions } from './map/container-json.ts';

/** How this request's containers and images are to be shown. */
export function showOptions({ version, options }: Call): ShowOptions {
  const { cgroupVersion = '2', defaultRuntime = 'runc', storageDriver = 'overlay2' } = options;
  return { version, cgroupVersion, defaultRuntime, storageDriver };
}
