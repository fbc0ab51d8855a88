/** Steps of builds as containers: made, run and removed like those of users, and confined like them. */
import { errorKind, errorMessage } from '../../base/errors.ts';
import type { ContainerSpec } from '../../model/container.ts';
import type { ImageConfig } from '../../model/image.ts';
import type { MountSpec } from '../../model/mount.ts';
import type { ResourceSpec } from '../../model/resources.ts';
import { resolveUser } from '../../oci/user.ts';
import type { ContainerRootfs, RootfsContents } from '../ports.ts';
import { createContainer, type CreateNeeds } from '../container/container-create.ts';
import { removeContainer } from '../container/container-remove.ts';
import { startContainer, type UnstoredEnvironment } from '../container/container-start.ts';
import { attachContainer, type AttachNeeds } from '../container/container-streams.ts';
import type { ContainerTable } from '../container/container-table.ts';
import { waitContainer } from '../container/container-views.ts';

type StepNeeds = CreateNeeds &
  AttachNeeds &
  Parameters<typeof removeContainer>[0] &
  Parameters<typeof startContainer>[0] &
  Parameters<typeof waitContainer>[0] & {
    readonly rootfs: Pick<RootfsContents, 'upperDir'> & Pick<ContainerRootfs, 'unmount' | 'isMounted'>;
    readonly containers: Pick<ContainerTable, 'all'>;
    readonly unstoredEnv: UnstoredEnvironment;
  };

export interface StepOrder {
  readonly imageId: string;
  readonly config: ImageConfig;
  readonly command: readonly string[];
  readonly env: readonly string[];
  readonly secretEnv: readonly string[];
  readonly limits: {
    readonly networkMode: string;
    readonly extraHosts: readonly string[];
    readonly shmSizeBytes: number;
    readonly cgroupParent: string;
    readonly resources: Partial<ResourceSpec>;
  };
  readonly mounts: readonly {
    readonly target: string;
    readonly readonly: boolean;
    readonly source: { readonly path: string; readonly subpath: string } | { readonly tmpfsBytes: number };
  }[];
}

export function stepContainers(needs: StepNeeds) {
  return {
    async createStep(order: StepOrder): Promise<{ id: string; warnings: readonly string[] }> {
      const made = await createContainer(needs, '', stepSpec(order));
      needs.unstoredEnv.set(made.id, order.secretEnv);
      return made;
    },
    runStep: (
      id: string,
      output: (stream: 'stdout' | 'stderr', data: Buffer) => Promise<void>,
      signal: AbortSignal,
    ): Promise<number> => runStep(needs, id, output, signal),
    async stepChanges(id: string): Promise<{ readonly path: string; readonly isMounted: boolean }> {
      // Its end has been told, and may not be dealt with: that is done under the lock.
      await needs.containers.lockedEvenIfGone(id, async () => needs.rootfs.unmount(id));
      // A client may be copying from it.
      return { path: needs.rootfs.upperDir(id), isMounted: needs.rootfs.isMounted(id) };
    },
    removeStep(id: string): Promise<void> {
      needs.unstoredEnv.delete(id);
      return removeStep(needs, id);
    },
    /** It is the user's from now on: what went wrong can be looked at in it. */
    async keepStep(id: string): Promise<void> {
      needs.unstoredEnv.delete(id);
      await needs.containers.lockedEvenIfGone(id, async (held) => {
        await held?.save((now) => ({ ...now, spec: { ...now.spec, buildStep: false } }));
      });
    },
    /** Those of a daemon that was killed. */
    async removeLeft(): Promise<void> {
      const left = needs.containers.all().filter(({ spec }) => spec.buildStep);
      await Promise.all(
        left.map(({ id }) =>
          removeStep(needs, id).catch((error: unknown) =>
            needs.log.warn(
              { container: id, error: errorMessage(error) },
              'the container of a step of a build could not be removed: the next daemon tries again',
            ),
          ),
        ),
      );
    },
    ownerIn: async (root: string, text: string) => {
      const { uid, gid } = await resolveUser(root, { user: text, groupAdd: [], container: 'of the build' });
      return { uid, gid };
    },
  };
}

async function removeStep(needs: StepNeeds, id: string): Promise<void> {
  try {
    await removeContainer(needs, id, { force: true, volumes: true, link: false });
  } catch (error) {
    if (errorKind(error) !== 'notFound') throw error; // somebody else was faster
  }
}

async function runStep(
  needs: StepNeeds,
  id: string,
  output: (stream: 'stdout' | 'stderr', data: Buffer) => Promise<void>,
  signal: AbortSignal,
): Promise<number> {
  // Attached before it starts: no line is lost.
  const session = await attachContainer(needs, id, {
    stdin: false,
    stdout: true,
    stderr: true,
    stream: true,
    logs: false,
  });
  const over = new AbortController();
  const kill = (): void => void removeContainer(needs, id, { force: true, volumes: true, link: false }).catch(() => {});
  try {
    await startContainer(needs, id);
    if (signal.aborted) kill();
    else signal.addEventListener('abort', kill, { once: true });
    for await (const { stream, data } of session.output) await output(stream, data);
    const { exited } = await waitContainer(needs, id, 'not-running', over.signal);
    return (await exited).exitCode;
  } catch (error) {
    if (signal.aborted && errorKind(error) === 'notFound') return 137; // ended for that
    throw error;
  } finally {
    signal.removeEventListener('abort', kill);
    over.abort();
    session.detach();
  }
}

const NO_LIMITS: ResourceSpec = {
  cpuShares: 0,
  nanoCpus: 0,
  cpuPeriodUs: 0,
  cpuQuotaUs: 0,
  cpuRealtimePeriodUs: 0,
  cpuRealtimeRuntimeUs: 0,
  cpusetCpus: '',
  cpusetMems: '',
  memoryBytes: 0,
  memoryReservationBytes: 0,
  memorySwapBytes: 0,
  memorySwappiness: null,
  oomKillDisable: false,
  pidsLimit: null,
  blkioWeight: 0,
  devices: [],
  deviceCgroupRules: [],
  ulimits: [],
};

function stepSpec({ imageId, config, command, env, limits, mounts }: StepOrder): ContainerSpec {
  return {
    image: imageId,
    labels: {},
    volumes: [],
    shell: config.shell,
    onBuild: null,
    buildStep: true,
    process: {
      hostname: '',
      domainname: '',
      user: config.user,
      env,
      cmd: command,
      entrypoint: [''], // the image's is for its containers
      workingDir: config.workingDir,
      tty: false,
      openStdin: false,
      stdinOnce: false,
      attachStdin: false,
      attachStdout: true,
      attachStderr: true,
      stopSignal: '',
      stopTimeoutS: null,
      healthcheck: { test: ['NONE'], intervalNs: 0, timeoutNs: 0, startPeriodNs: 0, startIntervalNs: 0, retries: 0 },
    },
    host: {
      binds: [],
      mounts: mounts.map(mountSpec),
      tmpfs: {},
      volumesFrom: [],
      volumeDriver: '',
      containerIdFile: '',
      restartPolicy: { name: 'no', maximumRetryCount: 0 },
      autoRemove: false,
      privileged: false,
      capAdd: [],
      capDrop: [],
      securityOpt: [],
      groupAdd: [],
      readonlyRootfs: false,
      maskedPaths: null,
      readonlyPaths: null,
      sysctls: {},
      init: null,
      runtime: '',
      logConfig: { type: 'none', config: {} },
      ipcMode: '',
      pidMode: '',
      utsMode: '',
      usernsMode: '',
      cgroupnsMode: '',
      cgroupParent: limits.cgroupParent,
      oomScoreAdj: 0,
      shmSizeBytes: limits.shmSizeBytes,
      storageOpt: {},
      annotations: {},
      consoleSize: [0, 0],
      resources: { ...NO_LIMITS, ...limits.resources },
    },
    connection: {
      networkMode: limits.networkMode || 'default',
      networks: {},
      links: [],
      exposedPorts: [],
      portBindings: {},
      publishAllPorts: false,
      dns: [],
      dnsSearch: [],
      dnsOptions: [],
      extraHosts: limits.extraHosts,
      macAddress: '',
    },
  };
}

function mountSpec({ target, readonly, source }: StepOrder['mounts'][number]): MountSpec {
  const none = { bind: null, volume: null, tmpfs: null };
  if ('tmpfsBytes' in source)
    return { ...none, type: 'tmpfs', source: '', target, readonly, tmpfs: { sizeBytes: source.tmpfsBytes, mode: 0 } };
  return {
    ...none,
    type: 'bind',
    source: source.path,
    target,
    readonly,
    bind: { propagation: '', nonRecursive: false, createMountpoint: false, subpath: source.subpath },
  };
}
