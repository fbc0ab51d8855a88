/**
 * What the tests of the oci room share: a place where crun works, a root file system of busybox, and a container's
 * record.
 */
import { cpSync, mkdirSync, mkdtempSync, rmdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '../../src/base/log.ts';
import { cgroupMode, cgroupMounts, forgetCgroupMounts } from '../../src/kernel/cgroup.ts';
import { bindMount, mount, MS_MOVE, setPropagation, unmount } from '../../src/kernel/mount.ts';
import { protectNullDevice } from '../../src/kernel/null-device.ts';
import { unshareMountNamespace } from '../../src/kernel/process.ts';
import type { ContainerRecord } from '../../src/model/container.ts';
import { newId } from '../../src/model/ids.ts';
import type { OciSpec } from '../../src/oci/oci-spec.ts';
import { Runtime } from '../../src/oci/runtime.ts';
import { buildSpec, type SpecInput } from '../../src/oci/spec.ts';

let prepared = false;

/**
 * crun 1.8 refuses a hybrid machine. This thread, and what it starts, gets a mount namespace with the v1 hierarchies
 * alone. (Unmounting the v2 one would leave its mount point, and crun would fill that with directories.)
 */
function leaveHybridCgroups(): void {
  if (prepared || process.getuid?.() !== 0) return;
  prepared = true;
  const controllers = new Set(cgroupMode() === 'hybrid' ? cgroupMounts().controllers.values() : []);
  unshareMountNamespace();
  setPropagation('/', 'rslave');
  protectNullDevice();
  if (controllers.size === 0) return;
  const fresh = mkdtempSync(join(tmpdir(), 'causeway-cgroup-'));
  mount({ source: 'tmpfs', target: fresh, type: 'tmpfs' });
  for (const path of controllers) {
    const target = join(fresh, path.slice('/sys/fs/cgroup/'.length));
    mkdirSync(target);
    bindMount(path, target);
  }
  unmount(cgroupMounts().unified!);
  mount({ source: fresh, target: '/sys/fs/cgroup', flags: MS_MOVE });
  rmdirSync(fresh);
  forgetCgroupMounts();
}

export interface Place {
  readonly directory: string;
  readonly rootfs: string;
  readonly runtime: Runtime;
  remove(): void;
}

const APPLETS = [
  'sh',
  'true',
  'cat',
  'echo',
  'sleep',
  'head',
  'dd',
  'seq',
  'yes',
  'stty',
  'id',
  'ls',
  'mount',
  'grep',
  'kill',
  'wc',
  'sha256sum',
  'ulimit',
  'hostname',
  'ps',
  'touch',
  'usleep',
  'tail',
];

export function makePlace(options: { runtime?: 'crun' | 'runc'; prefix?: string } = {}): Place {
  leaveHybridCgroups();
  const directory = mkdtempSync(join(tmpdir(), options.prefix ?? 'causeway-oci-'));
  const rootfs = join(directory, 'rootfs');
  for (const path of ['bin', 'proc', 'sys', 'dev', 'etc', 'tmp', 'root'])
    mkdirSync(join(rootfs, path), { recursive: true });
  cpSync('/usr/bin/busybox', join(rootfs, 'bin/busybox'));
  for (const applet of APPLETS) symlinkSync('busybox', join(rootfs, 'bin', applet));
  writeFileSync(join(rootfs, 'etc/passwd'), 'root:x:0:0::/root:/bin/sh\nweb:x:33:33::/tmp:/bin/sh\n');
  writeFileSync(join(rootfs, 'etc/group'), 'root:x:0:\nweb:x:33:\nstaff:x:50:web\n');
  writeFileSync(join(rootfs, 'bin/plain'), 'no program');
  const runtime = new Runtime({
    runtimes: { crun: '/usr/bin/crun', runc: '/usr/sbin/runc' },
    defaultRuntime: options.runtime ?? 'crun',
    conmonPath: '/usr/bin/conmon',
    stateDir: join(directory, 'state'),
    log: silentLog,
  });
  // Nothing of Runtime keeps a process alive: a daemon has its server for that.
  const alive = setInterval(() => {}, 60_000);
  return {
    directory,
    rootfs,
    runtime,
    remove: () => {
      clearInterval(alive);
      runtime.close();
      rmSync(directory, { recursive: true, force: true });
      for (const root of cgroupMounts().controllers.values()) {
        try {
          rmdirSync(join(root, 'causeway-test'));
        } catch {
          // another test's containers are in it, or it is gone
        }
      }
    },
  };
}

type Changes = { process?: object; host?: object; resources?: object; record?: object };

/** A record of `sh -c script`, or of the given command line. */
export function makeRecord(command: string | readonly string[], changes: Changes = {}): ContainerRecord {
  const argv = typeof command === 'string' ? ['sh', '-c', command] : command;
  const record: ContainerRecord = {
    id: newId(),
    name: 'test',
    createdAt: '',
    imageId: '',
    spec: {
      image: 'busybox',
      labels: {},
      volumes: [],
      shell: null,
      onBuild: null,
      process: {
        hostname: 'box', domainname: '', user: '', env: [], cmd: argv, entrypoint: null, workingDir: '', tty: false,
        openStdin: false, stdinOnce: false, attachStdin: false, attachStdout: true, attachStderr: true, stopSignal: '',
        stopTimeoutS: null, healthcheck: null, ...changes.process,
      },
      host: {
        binds: [], mounts: [], tmpfs: {}, volumesFrom: [], volumeDriver: '', containerIdFile: '',
        restartPolicy: { name: 'no', maximumRetryCount: 0 }, autoRemove: false, privileged: false, capAdd: [], capDrop: [],
        groupAdd: [], readonlyRootfs: false, securityOpt: [], maskedPaths: null, readonlyPaths: null, sysctls: {}, init: null,
        runtime: '', logConfig: { type: 'json-file', config: {} }, ipcMode: '', pidMode: '', utsMode: '', usernsMode: '',
        cgroupnsMode: '', cgroupParent: '', oomScoreAdj: 0, shmSizeBytes: 0, storageOpt: {}, annotations: {}, consoleSize: [0, 0],
        resources: {
          cpuShares: 0, nanoCpus: 0, cpuPeriodUs: 0, cpuQuotaUs: 0, cpuRealtimePeriodUs: 0, cpuRealtimeRuntimeUs: 0,
          cpusetCpus: '', cpusetMems: '', memoryBytes: 0, memoryReservationBytes: 0, memorySwapBytes: 0,
          memorySwappiness: null, oomKillDisable: false, pidsLimit: null, blkioWeight: 0, devices: [], deviceCgroupRules: [],
          ulimits: [], ...changes.resources,
        },
        ...changes.host,
      },
      connection: {
        networkMode: 'none', networks: {}, links: [], exposedPorts: [], portBindings: {}, publishAllPorts: false, dns: [],
        dnsSearch: [], dnsOptions: [], extraHosts: [], macAddress: '',
      },
    },
    path: argv[0]!,
    args: argv.slice(1),
    state: { status: 'created', pid: 0, exitCode: 0, error: '', oomKilled: false, startedAt: '', finishedAt: '', health: null },
    restartCount: 0,
    stoppedByUser: false,
    mounts: [],
    connections: [],
    links: [],
    ...changes.record,
  }; // prettier-ignore
  return record;
}

export function makeSpec(
  place: { rootfs: string },
  record: ContainerRecord,
  changes: Partial<SpecInput> = {},
): OciSpec {
  const spec = buildSpec({
    record,
    rootfs: place.rootfs,
    user: { uid: 0, gid: 0, additionalGids: [] },
    env: ['PATH=/bin', 'HOSTNAME=box', 'HOME=/root'],
    mounts: record.mounts,
    fileSources: new Set(
      record.mounts
        .map(({ source }) => source)
        .filter((source) => statSync(source, { throwIfNoEntry: false })?.isFile()),
    ),
    files: { hosts: '', hostname: '', resolvConf: '' },
    hostname: 'box',
    domainname: '',
    netns: null,
    ipc: 'private',
    pid: 'private',
    uts: 'private',
    cgroupsPath: `/causeway-test/${record.id}`,
    cgroupMode: 'v1',
    initPath: record.spec.host.init ? '/usr/bin/tini-static' : undefined,
    ...changes,
  });
  return changes.netns === undefined
    ? { ...spec, linux: { ...spec.linux, namespaces: [...spec.linux.namespaces, { type: 'network' }] } }
    : spec;
}

/** Creates, lets `prepare` attach, starts, and answers with the exit code and what came out. */
export async function runContainer(
  place: Place,
  command: string | readonly string[],
  options: {
    changes?: Changes;
    input?: Partial<SpecInput>;
    stdin?: Buffer;
    runtime?: string;
    logPath?: string;
    logMaxBytes?: number;
    keep?: boolean;
  } = {},
) {
  const record = makeRecord(command, options.changes);
  const spec = makeSpec(place, record, options.input);
  const { tty, openStdin, stdinOnce } = record.spec.process;
  await place.runtime.create({
    id: record.id, bundle: join(place.directory, 'bundles', record.id), spec, runtime: options.runtime ?? '', tty, openStdin, stdinOnce,
    logPath: options.logPath ?? null, logMaxBytes: options.logMaxBytes,
  }); // prettier-ignore
  const exited = exitOf(place.runtime, record.id);
  const session = await place.runtime.attach(record.id);
  const output = collect(session);
  await place.runtime.start(record.id);
  if (options.stdin) {
    await session.writeStdin(options.stdin);
    await session.closeStdin();
  }
  const { stdout, stderr } = await output;
  const exit = await exited;
  if (!options.keep) await place.runtime.delete(record.id);
  return { id: record.id, exit, code: exit.code, stdout, stderr };
}

export function exitOf(runtime: Runtime, id: string): Promise<{ code: number; oomKilled: boolean; at: string }> {
  return new Promise((resolve) => runtime.listen({ exit: (ended, exit) => void (ended === id && resolve(exit)) }));
}

export async function collect(session: { output: AsyncIterable<{ stream: string; data: Buffer }> }) {
  const chunks: Record<string, Buffer[]> = { stdout: [], stderr: [] };
  for await (const { stream, data } of session.output) chunks[stream]!.push(data);
  return { stdout: Buffer.concat(chunks['stdout']!), stderr: Buffer.concat(chunks['stderr']!) };
}
