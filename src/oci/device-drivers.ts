/**
 * Requests for devices (--gpus, --device vendor.com/class=name) and the drivers that serve them, Docker's: `cdi`, and
 * `nvidia` where NVIDIA's hook is installed.
 */
import { invalid } from '../base/errors.ts';
import type { DeviceRequestSpec } from '../model/resources.ts';
import { resolveCdiEdits } from './cdi/cdi-edits.ts';
import type { CdiListing, CdiRegistry } from './cdi/cdi-registry.ts';
import { joinEdits, NO_EDITS, type DeviceEdits } from './device-edits.ts';
import type { MountSources } from './mount-sources.ts';

export interface DeviceDriverNeeds {
  /** Undefined: the driver is turned off (`features: {cdi: false}`). */
  readonly cdi: Pick<CdiRegistry, 'list' | 'editsOf'> | undefined;
  readonly sources: Pick<MountSources, 'filesAmong'>;
  /** The path of a program of the host; undefined where there is none. */
  readonly findProgram: (name: string) => string | undefined;
}

const NVIDIA_HOOK = 'nvidia-container-runtime-hook';
const NVIDIA_CAPABILITIES = ['compute', 'compat32', 'graphics', 'utility', 'video', 'display'];

export class DeviceDrivers {
  readonly #needs: DeviceDriverNeeds;

  constructor(needs: DeviceDriverNeeds) {
    this.#needs = needs;
  }

  /** Looked up anew at each start. @throws invalid, systemError in Docker's words; SilentMountError */
  async editsFor(requests: readonly DeviceRequestSpec[]): Promise<DeviceEdits> {
    if (requests.length === 0) return NO_EDITS;
    const edits: DeviceEdits[] = [];
    for (const request of requests) edits.push(await this.#edits(request));
    const all = joinEdits(edits);
    // Each answers, or the start is refused in time; whether it is there is the runtime's to say.
    await this.#needs.sources.filesAmong(all.mounts.map(({ source }) => source).filter((path) => path.startsWith('/')));
    return all;
  }

  async list(): Promise<CdiListing> {
    return (await this.#needs.cdi?.list()) ?? { devices: [], warnings: [] };
  }

  async #edits(request: DeviceRequestSpec): Promise<DeviceEdits> {
    const { cdi, findProgram } = this.#needs;
    if (request.driver === 'cdi' && cdi) return cdiEdits(cdi, request);
    const hook = ['', 'nvidia'].includes(request.driver) ? findProgram(NVIDIA_HOOK) : undefined;
    const served = [...NVIDIA_CAPABILITIES, 'gpu', 'nvidia'];
    const chosen = (request.capabilities ?? []).find((all) => all.every((one) => served.includes(one)));
    if (hook !== undefined && chosen) return nvidiaEdits(hook, request, chosen);
    const shown = (request.capabilities ?? []).map((all) => `[${all.join(' ')}]`).join(' ');
    throw invalid(`could not select device driver ${JSON.stringify(request.driver)} with capabilities: [${shown}]`);
  }
}

async function cdiEdits(cdi: Pick<CdiRegistry, 'editsOf'>, request: DeviceRequestSpec): Promise<DeviceEdits> {
  if (request.count !== 0) throw invalid('unexpected count in CDI device request');
  if (Object.keys(request.options ?? {}).length > 0) throw invalid('unexpected options in CDI device request');
  const names = request.deviceIds ?? [];
  return names.length === 0 ? NO_EDITS : resolveCdiEdits(await cdi.editsOf(names));
}

/** NVIDIA's own hook does the rest, by these variables. */
function nvidiaEdits(hook: string, request: DeviceRequestSpec, chosen: readonly string[]): DeviceEdits {
  const ids = request.deviceIds ?? [];
  if (request.count !== 0 && ids.length > 0) throw invalid('cannot set both Count and DeviceIDs on device request');
  const counted = Array.from({ length: Math.max(0, Math.min(request.count, 1024)) }, (_, index) => String(index));
  const visible = ids.length > 0 ? ids.join() : request.count < 0 ? 'all' : counted.join() || 'void';
  const known = chosen.filter((one) => NVIDIA_CAPABILITIES.includes(one));
  const env = Object.entries(process.env).map(([name, value]) => `${name}=${value ?? ''}`);
  return {
    ...NO_EDITS,
    env: [
      `NVIDIA_VISIBLE_DEVICES=${visible}`,
      ...(known.length > 0 ? [`NVIDIA_DRIVER_CAPABILITIES=${known.join()}`] : []),
    ],
    hooks: { prestart: [{ path: hook, args: [NVIDIA_HOOK, 'prestart'], env }] },
  };
}
