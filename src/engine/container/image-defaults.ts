/** What a container takes over from its image: everything that the user left open. */
import { invalid } from '../../base/errors.ts';
import type { ContainerSpec, ProcessSpec } from '../../model/container.ts';
import type { Healthcheck } from '../../model/health.ts';
import type { ImageConfig } from '../../model/image.ts';
import { formatPort, tryParsePort } from '../../model/port.ts';

/**
 * Every container's record has what its image says of it, and is written and read whole at each change. Honest images
 * have some kilobytes.
 */
const MAX_IMAGE_SHARE_BYTES = 1024 * 1024;

/** @throws invalid, before anything is made of it */
export function checkImageShare(name: string, image: ImageConfig): void {
  const bytes = Buffer.byteLength(JSON.stringify(image));
  if (bytes <= MAX_IMAGE_SHARE_BYTES) return;
  throw invalid(
    `the configuration of image ${name} (environment, labels, command and the like) is ${bytes} bytes long: a container takes over at most ${MAX_IMAGE_SHARE_BYTES}; make the image again with less of it`,
  );
}

export function mergeImage(spec: ContainerSpec, image: ImageConfig): ContainerSpec {
  return {
    ...spec,
    labels: { ...image.labels, ...spec.labels },
    volumes: [...new Set([...spec.volumes, ...image.volumes])],
    shell: spec.shell ?? image.shell,
    onBuild: spec.onBuild ?? image.onBuild,
    process: mergeProcess(spec.process, image),
    connection: {
      ...spec.connection,
      exposedPorts: [...new Set([...spec.connection.exposedPorts, ...exposedPorts(image)])],
    },
  };
}

/**
 * Normalized for comparison: '80' is '80/tcp'. What is no port is left out: no client could connect to it, and it must
 * not keep a container from starting.
 */
function exposedPorts(image: ImageConfig): string[] {
  return image.exposedPorts
    .map(tryParsePort)
    .filter((port) => port !== undefined)
    .map(formatPort);
}

/** Reported when a container is made of it. */
export function oddPortWarnings(image: ImageConfig): string[] {
  const odd = image.exposedPorts.filter((text) => tryParsePort(text) === undefined);
  return odd.length === 0
    ? []
    : [
        `The image exposes what is no port, which is left out: ${odd
          .slice(0, 10)
          .map((text) => JSON.stringify(text.slice(0, 40)))
          .join(', ')}`,
      ];
}

function mergeProcess(process: ProcessSpec, image: ImageConfig): ProcessSpec {
  // An entrypoint of the user's own drops the image's command with its entrypoint.
  const ownEntrypoint = process.entrypoint !== null && process.entrypoint.length > 0;
  const cmd = process.cmd !== null && process.cmd.length > 0 ? process.cmd : ownEntrypoint ? null : image.cmd;
  // [''] is how clients express "no entrypoint": `--entrypoint ''`.
  const cleared = ownEntrypoint && process.entrypoint!.length === 1 && process.entrypoint![0] === '';
  const entrypoint = cleared ? null : ownEntrypoint ? process.entrypoint : image.entrypoint;
  return {
    ...process,
    user: process.user || image.user,
    env: mergeEnvironment(image.env, process.env),
    cmd,
    entrypoint,
    workingDir: process.workingDir || image.workingDir,
    stopSignal: process.stopSignal || image.stopSignal,
    healthcheck: mergeHealthcheck(process.healthcheck, image.healthcheck),
  };
}

/** The user's variables, then those of the image that the user did not set. Docker's order. */
function mergeEnvironment(image: readonly string[], own: readonly string[]): string[] {
  const keys = new Set(own.map(keyOf));
  return [...own, ...image.filter((entry) => !keys.has(keyOf(entry)))];
}

function keyOf(entry: string): string {
  const equals = entry.indexOf('=');
  return equals < 0 ? entry : entry.slice(0, equals);
}

function mergeHealthcheck(own: Healthcheck | null, image: Healthcheck | null): Healthcheck | null {
  if (!own) return image;
  if (!image || own.test[0] === 'NONE') return own;
  return {
    test: own.test.length > 0 ? own.test : image.test,
    intervalNs: own.intervalNs || image.intervalNs,
    timeoutNs: own.timeoutNs || image.timeoutNs,
    startPeriodNs: own.startPeriodNs || image.startPeriodNs,
    startIntervalNs: own.startIntervalNs || image.startIntervalNs,
    retries: own.retries || image.retries,
  };
}

/** The program and its arguments. @throws invalid 'no command specified' */
export function commandOf(process: ProcessSpec): { path: string; args: string[] } {
  const words = [...(process.entrypoint ?? []), ...(process.cmd ?? [])];
  const [path, ...args] = words;
  if (path === undefined) throw invalid('no command specified');
  return { path, args };
}

/**
 * The environment of the process: the engine's own, then link variables, then what the user and the image set, which
 * win in place. 'KEY' without '=' takes a variable out.
 */
export function processEnvironment(process: ProcessSpec, linkVariables: readonly string[]): string[] {
  const result = new Map<string, string>();
  const set = (entry: string): void => void result.set(keyOf(entry), entry);
  set('PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin');
  set(`HOSTNAME=${process.hostname}`);
  if (process.tty) set('TERM=xterm');
  linkVariables.forEach(set);
  for (const entry of process.env) {
    if (entry.includes('=')) set(entry);
    else result.delete(entry);
  }
  return [...result.values()];
}
