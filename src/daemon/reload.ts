/**
 * SIGHUP: the file is read again, and what dockerd reloads counts from then on. All of it is checked before anything
 * changes: a file that cannot be used leaves the old configuration.
 */
import { errorMessage } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { changedKeys } from './config-keys.ts';
import type { DaemonConfig } from './config-shape.ts';
import { daemonConfig } from './daemon-config.ts';
import type { LiveConfig } from './live-config.ts';
import { goText } from './options/go-text.ts';
import { readDaemonOptions } from './options/read.ts';
import { chooseNamedRuntime, runtimeTable } from './runtime-choice.ts';

/** What counts without a restart, as in dockerd; the options with `reloads` in their rows. */
const RELOADED = [
  'labels',
  'logLevel',
  'mirrors',
  'insecureRegistries',
  'liveRestore',
  'maxConcurrentDownloads',
  'maxConcurrentUploads',
  'maxDownloadAttempts',
  'shutdownTimeoutS',
  'runtimes',
  'defaultRuntime',
  'shmSizeBytes',
  'ipcMode',
  'cgroupnsMode',
  'features',
  'notes',
] as const satisfies readonly (keyof DaemonConfig)[];

export interface ReloadParts {
  readonly live: LiveConfig;
  readonly argv: readonly string[];
  readonly log: Log;
  /** Registers runtimes that were not there before. @throws where one cannot be */
  readonly addRuntimes: (config: DaemonConfig) => void;
  /** The runtime of containers that name none. */
  readonly defaultRuntime: () => string;
  readonly publish: (attributes: Readonly<Record<string, string>>) => void;
}

export function reload({ live, argv, log, addRuntimes, defaultRuntime, publish }: ReloadParts): void {
  const before = live.current;
  log.info({ file: before.configFile }, 'Got signal to reload configuration');
  try {
    const raw = readDaemonOptions(argv);
    const read = daemonConfig(raw);
    const next = merged(before, read);
    if (next.defaultRuntime !== '') chooseNamedRuntime(runtimeTable(next.runtimes), next.defaultRuntime);
    addRuntimes(next);
    live.replace(next);
    for (const note of next.notes) if (!before.notes.includes(note)) log.warn({}, note);
    log.info({ changed: changedKeys(before, next, raw) }, 'Reloaded configuration');
    const late = changedKeys(next, read, raw);
    if (late.length > 0) log.warn({ changed: late }, 'these changes count when the daemon is started again');
    publish(reloadAttributes(next, defaultRuntime()));
  } catch (error) {
    log.error({ error: errorMessage(error) }, 'Error reloading configuration: nothing has changed');
  }
}

/** The old configuration with what counts without a restart. */
function merged(before: DaemonConfig, read: DaemonConfig): DaemonConfig {
  const taken = Object.fromEntries(RELOADED.map((name) => [name, read[name]]));
  return { ...before, ...taken };
}

/** dockerd's, of its event. */
function reloadAttributes(config: DaemonConfig, defaultRuntime: string): Record<string, string> {
  return {
    debug: String(config.logLevel === 'debug'),
    'default-cgroupns-mode': config.cgroupnsMode,
    'default-ipc-mode': config.ipcMode,
    'default-runtime': defaultRuntime,
    'default-shm-size': String(config.shmSizeBytes),
    features: goText(Object.fromEntries(config.features.map((one) => one.split('=', 2) as [string, string]))),
    'insecure-registries': JSON.stringify(config.insecureRegistries),
    labels: JSON.stringify(config.labels),
    'live-restore': String(config.liveRestore),
    'max-concurrent-downloads': String(config.maxConcurrentDownloads),
    'max-concurrent-uploads': String(config.maxConcurrentUploads),
    'max-download-attempts': String(config.maxDownloadAttempts),
    'registry-mirrors': JSON.stringify(config.mirrors),
    runtimes: Object.entries(config.runtimes)
      .map(([name, { path }]) => `${name}:${path}`)
      .join(' '),
    'shutdown-timeout': String(config.shutdownTimeoutS),
  };
}
