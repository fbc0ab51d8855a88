/** Options of containers: what counts where a container does not say otherwise. */
import { done, noEffect, refused, type DaemonOption } from './option.ts';
import { judgeExecOpts, judgeSelinux, judgeUserns } from './judgements.ts';

export const CONTAINER_ROWS: readonly DaemonOption[] = [
  done('log-driver', 'text', 'Default logging driver for containers', { fallback: 'json-file' }),
  done('log-opt', 'pairs', 'Default log options for containers (max-size=10m)', { key: 'log-opts' }),
  done('add-runtime', 'runtimes', 'Register an OCI runtime (NAME=PATH)', { key: 'runtimes', reloads: true }),
  done('default-runtime', 'text', 'Default OCI runtime for containers', {
    fallback: 'crun, or runc where crun does not work',
    reloads: true,
  }),
  done('cgroup-parent', 'text', 'Parent cgroup of containers', { fallback: '/causeway' }),
  done('default-cgroupns-mode', 'text', 'Default cgroup namespace of containers: host or private', {
    fallback: 'private with cgroups v2, else host',
    reloads: true,
  }),
  done('default-ipc-mode', 'text', 'Default IPC mode of containers: shareable or private', {
    fallback: 'private',
    reloads: true,
  }),
  done('default-shm-size', 'size', 'Default size of /dev/shm for containers', { fallback: '64m', reloads: true }),
  done('default-ulimit', 'ulimits', 'Default ulimits for containers (nofile=1024:4096)', { key: 'default-ulimits' }),
  noEffect(
    'default-stop-timeout',
    'number',
    'Seconds between the stop signal and the kill (dockerd 29)',
    'containers are given it when they are made: --stop-timeout',
    { fallback: '10' },
  ),
  done('init', 'switch', 'Run an init in containers that forwards signals and reaps processes', {
    fallback: 'false',
  }),
  done('init-path', 'text', 'Path of the init program that --init runs', {
    fallback: 'tini-static, docker-init or tini',
  }),
  done('no-new-privileges', 'switch', 'Set no-new-privileges for containers that do not say otherwise', {
    fallback: 'false',
  }),
  done('seccomp-profile', 'text', 'Seccomp profile of containers: a path, builtin or unconfined', {
    fallback: 'builtin',
  }),
  done('exec-opt', 'list', 'Runtime options: native.cgroupdriver=cgroupfs', {
    key: 'exec-opts',
    judge: judgeExecOpts,
  }),
  noEffect('selinux-enabled', 'switch', 'SELinux labels for containers', 'this host has no SELinux', {
    judge: judgeSelinux,
  }),
  refused(
    'userns-remap',
    'text',
    'User namespace of all containers',
    'user namespaces are not built yet: containers would run as root of the host, which the option is there to prevent. Leave it away to accept that',
    { judge: judgeUserns },
  ),
  noEffect(
    'cpu-rt-period',
    'number',
    'CPU real-time period of the parent cgroup',
    'the parent cgroup has no real-time budget; containers can be given one with cgroups v1',
  ),
  noEffect(
    'cpu-rt-runtime',
    'number',
    'CPU real-time runtime of the parent cgroup',
    'the parent cgroup has no real-time budget; containers can be given one with cgroups v1',
  ),
  done('cdi-spec-dir', 'list', 'Directories of CDI specifications; the later ones take precedence', {
    key: 'cdi-spec-dirs',
    fallback: '/etc/cdi and /var/run/cdi',
  }),
  noEffect('nri-opts', 'object', 'Node Resource Interface (dockerd 29)', 'there are no NRI plugins'),
];
