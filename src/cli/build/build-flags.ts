/** The flags of `build`: those of Docker's classic builder, and of BuildKit's those that mean something here. */
import { parseReference } from '../../model/image-reference.ts';
import type { Flag } from '../command/flag-set.ts';
import * as type from '../command/flag-types.ts';
import { checkEnv, checkExtraHost, checkLabel } from '../container/flag-checks.ts';
import { ulimitType } from '../container/ulimit-flag.ts';
import { secretType } from './secret-flag.ts';
import { sshType } from './ssh-flag.ts';

const PROGRESS_KINDS = ['auto', 'plain', 'tty', 'quiet'];

export const buildFlags: readonly Flag[] = [
  { name: 'add-host', type: type.list, check: checkExtraHost, usage: 'Add a custom host-to-IP mapping ("host:ip")' },
  { name: 'build-arg', type: type.list, check: checkEnv, usage: 'Set build-time variables' },
  { name: 'build-context', type: type.texts, usage: 'Additional build contexts (e.g., name=path)' },
  { name: 'cache-from', type: type.strings, usage: 'Images to consider as cache sources' },
  {
    name: 'cache-to',
    type: type.texts,
    usage: 'Cache export destinations (not supported: the daemon keeps the cache)',
  },
  {
    name: 'cgroup-parent',
    type: type.string,
    usage: 'Set the parent cgroup for the "RUN" instructions during build',
  },
  { name: 'compress', type: type.bool, usage: 'Compress the build context using gzip' },
  { name: 'cpu-period', type: type.int, usage: 'Limit the CPU CFS (Completely Fair Scheduler) period' },
  { name: 'cpu-quota', type: type.int, usage: 'Limit the CPU CFS (Completely Fair Scheduler) quota' },
  { name: 'cpu-shares', short: 'c', type: type.int, usage: 'CPU shares (relative weight)' },
  { name: 'cpuset-cpus', type: type.string, usage: 'CPUs in which to allow execution (0-3, 0,1)' },
  { name: 'cpuset-mems', type: type.string, usage: 'MEMs in which to allow execution (0-3, 0,1)' },
  { name: 'disable-content-trust', type: type.bool, preset: 'true', usage: 'Skip image verification' },
  { name: 'file', short: 'f', type: type.string, usage: 'Name of the Dockerfile (Default is "PATH/Dockerfile")' },
  { name: 'force-rm', type: type.bool, usage: 'Always remove intermediate containers' },
  { name: 'iidfile', type: type.string, usage: 'Write the image ID to the file' },
  { name: 'isolation', type: type.string, usage: 'Container isolation technology' },
  { name: 'label', type: type.list, check: checkLabel, usage: 'Set metadata for an image' },
  { name: 'memory', short: 'm', type: type.bytes, usage: 'Memory limit' },
  { name: 'load', type: type.bool, usage: 'Shorthand for "--output=type=docker"' },
  {
    name: 'memory-swap',
    type: type.bytesOrUnlimited,
    usage: 'Swap limit equal to memory plus swap: -1 to enable unlimited swap',
  },
  { name: 'metadata-file', type: type.string, usage: 'Write build result metadata to a file' },
  {
    name: 'network',
    type: type.string,
    preset: 'default',
    usage: 'Set the networking mode for the RUN instructions during build',
  },
  { name: 'no-cache', type: type.bool, usage: 'Do not use cache when building the image' },
  {
    name: 'output',
    short: 'o',
    type: type.texts,
    usage: 'Output destination (format: "type=local,dest=path")',
  },
  { name: 'platform', type: type.string, usage: 'Set platform if server is multi-platform capable' },
  {
    name: 'progress',
    type: type.string,
    preset: 'auto',
    check: checkProgress,
    usage: 'Set type of progress output ("auto", "plain", "tty", "quiet")',
  },
  { name: 'pull', type: type.bool, usage: 'Always attempt to pull a newer version of the image' },
  { name: 'push', type: type.bool, usage: 'Shorthand for "--output=type=registry"' },
  {
    name: 'quiet',
    short: 'q',
    type: type.bool,
    usage: 'Suppress the build output and print image ID on success',
  },
  {
    name: 'rm',
    type: type.bool,
    preset: 'true',
    usage: 'Remove intermediate containers after a successful build',
  },
  {
    name: 'secret',
    type: secretType,
    usage: 'Secret to expose to the build (format: "id=mysecret[,src=/local/secret]")',
  },
  { name: 'security-opt', type: type.strings, usage: 'Security options' },
  { name: 'shm-size', type: type.bytes, usage: 'Size of "/dev/shm"' },
  { name: 'squash', type: type.bool, usage: 'Squash newly built layers into a single new layer' },
  {
    name: 'ssh',
    type: sshType,
    usage: 'SSH agent socket to expose to the build (format: "default|<id>=<socket>")',
  },
  {
    name: 'tag',
    short: 't',
    type: type.list,
    check: checkTag,
    usage: 'Name and optionally a tag in the "name:tag" format',
  },
  { name: 'target', type: type.string, usage: 'Set the target build stage to build.' },
  { name: 'ulimit', type: ulimitType, usage: 'Ulimit options' },
];

function checkTag(value: string): string {
  parseReference(value);
  return value;
}

function checkProgress(value: string): string {
  if (PROGRESS_KINDS.includes(value)) return value;
  throw new Error(`none of ${PROGRESS_KINDS.join(', ')}`);
}
