/**
 * Ten years of holes in moby, runc, containerd, crun, conmon, podman, buildah and CRI-O, by class: whether the class
 * can be here, and which test tries it.
 */

export interface HoleClass {
  readonly cves: string;
  readonly what: string;
  /** Why it cannot be here, or what is in its way. */
  readonly here: string;
  /** 'FILE: part of a test's name'. None only where it does not apply. */
  readonly tests: readonly string[];
}

const NO_SWARM = 'does not apply: no swarm, no overlay network between hosts';

export const HOLES: readonly HoleClass[] = [
  {
    cves: '2014-3499, 2021-41091, 2021-41103, 2024-25621',
    what: "data root and sockets open to the host's users",
    here: 'the data root and everything of containers is closed to others',
    tests: ['test/security/escapes.test.ts: what containers have on the disk is closed'],
  },
  {
    cves: '2014-5277, 2014-8178, 2014-8179, 2024-3727',
    what: 'names, digests and manifests of a registry that are believed',
    here: 'content is stored and found by the digest that was computed of it',
    tests: ['test/image/registry.test.ts: push, pull elsewhere'],
  },
  {
    cves: '2014-6407, 2014-9356, 2014-9357, 2014-9358, 2021-32760, 2021-41089, 2024-9676, 2025-47290',
    what: 'archives and layers that write outside their directory, or leave modes and links behind',
    here: 'paths are resolved by the kernel inside the layer, link by link',
    tests: [
      'test/image/layers.test.ts: no archive writes outside its own layer',
      'test/image/layers.test.ts: whiteouts of an upper layer',
    ],
  },
  {
    cves: '2014-6408, 2024-3154, 2025-24965',
    what: 'an image that chooses its own confinement',
    here: 'labels and annotations of images confine nothing; annotations of containers that steer the runtime are refused',
    tests: [
      'test/security/annotations.test.ts: are refused at create',
      'test/security/annotations.test.ts: do not reach later containers',
    ],
  },
  {
    cves: '2015-3627, 2016-9962, 2019-5736, 2024-21626',
    what: "a descriptor of the host that a container gets: the runtime's program, its directory, its cgroup",
    here: 'the runtime runs from a sealed memory file; nothing but the standard streams is passed on; a working directory below /proc/self/fd is nowhere',
    tests: [
      'test/kernel/spawn.test.ts: a sealed memory file can be executed',
      'test/security/escapes.test.ts: no descriptor of the engine',
    ],
  },
  {
    cves: '2015-3630, 2015-3631, 2017-16539, 2018-10892, 2019-16884, 2019-19921, 2023-27561, 2023-28642',
    what: '/proc and /sys that are not hidden, or hidden in another place: masks that are missing, volumes and links over /proc',
    here: "dockerd 28.5's list of masks; the mount table is looked at before the container starts",
    tests: [
      'test/security/confinement.test.ts: hidden and read-only paths',
      'test/security/mounts.test.ts: a volume in /proc is refused',
      'test/security/mounts.test.ts: a volume that an image declares',
      'test/security/mounts.test.ts: a link of the image does not lead',
    ],
  },
  {
    cves: '2015-3629, 2019-18837, 2021-30465, 2024-5154, 2024-45310',
    what: 'mounts that follow links, also those that another container swaps meanwhile',
    here: 'what was mounted is read from the kernel, whatever the way; conmon and the runtime get descriptors or paths that no container can write',
    tests: [
      'test/security/mounts.test.ts: a link of another volume does not lead',
      'test/kernel/system.test.ts: files inside a root',
    ],
  },
  {
    cves: '2016-3697, 2022-36109, 2022-2989, 2022-2990, 2022-2995, 2023-25173, 2024-40635',
    what: 'a user or group that is another than was asked for',
    here: 'numbers are numbers; the group that was given is among the supplementary ones',
    tests: [
      'test/security/escapes.test.ts: a name that looks like a number',
      'src/oci/user.test.ts: a numeric ID is never looked up as a name',
      'test/oci/confinement.test.ts: no-new-privileges, oom score, user and groups',
    ],
  },
  {
    cves: '2016-8867, 2018-10856, 2022-24769, 2022-27649, 2022-27650, 2022-27651, 2022-29162',
    what: 'ambient or inheritable capabilities',
    here: 'only the bounding, permitted and effective sets are filled',
    tests: ['test/security/escapes.test.ts: capabilities are neither inherited nor ambient'],
  },
  {
    cves: '2017-14992, 2018-20699, 2021-20291, 2021-21285, 2022-1708, 2022-23471, 2022-31030, 2023-25153, 2025-64329',
    what: 'images, output, numbers and answers without an end: bombs, manifests that crash the engine, execs and attached clients that take its memory',
    here: 'streamed and bounded',
    tests: [
      'test/fault/endless.test.ts: of an exec, with a reader and without one',
      'test/fault/endless.test.ts: 180 streams that are cut at once',
      'test/fault/odd-limits.test.ts: a container is made with limits that hold, or not made',
      'src/oci/user.test.ts: beyond the bounds',
      'test/dns/hostile.test.ts: a message of 65,535 bytes',
      'src/network/hosts/user-lines.test.ts: a text of any length',
    ],
  },
  {
    cves: '2018-15664, 2019-10152, 2019-14271, 2019-18466, 2022-1227, 2023-0778',
    what: 'copying into and out of a container: its programs and libraries run as root, its links are followed',
    here: "no program runs in a container's tree; paths are resolved inside the root by the kernel",
    tests: [
      'test/fault/ways-out.test.ts: cp reads no loader configuration of the image',
      'test/fault/ways-out.test.ts: cp through a volume whose mount point is a link',
      'test/fault/ways-out.test.ts: a symbolic link in place of /proc',
      'test/image/rootfs.test.ts: cp in cannot leave the container',
      'test/kernel/system.test.ts: files inside a root',
    ],
  },
  {
    cves: '2019-5021',
    what: "an image's own fault: a password that is empty",
    here: "does not apply: it is not the engine's",
    tests: [],
  },
  {
    cves: '2019-13139, 2024-9407, 2025-4953, 2024-23650, 2024-23651, 2024-23652, 2024-23653, 2024-1753, 2024-9675, 2024-11218, 2025-0495',
    what: 'the builder: its mounts, caches and git contexts',
    here: 'sources of mounts are resolved inside their stage or context by the kernel, caches are mounted whole, places of mounts are taken away by descriptor; steps are containers like any other, and none may ask for more; git is asked over the network alone, and no reference is an option; a step is not kept with a secret among its variables',
    tests: [
      'test/security/builds.test.ts: no source of a mount leads out',
      'test/security/builds.test.ts: no target of a mount is made outside',
      'test/security/builds.test.ts: a step is confined as any container',
      'test/compat/builds.test.ts: no link of the context or of an image leads out of it',
      'src/build/context/git-context.test.ts: no reference is an option',
      'src/build/run-step.test.ts: is not kept with a secret',
    ],
  },
  {
    cves: '2019-13509, 2020-15157',
    what: 'credentials that are sent to another registry or written to a log',
    here: 'they go to the registry that they were given for, over TLS that is checked',
    tests: ['test/image/transport.test.ts: a registry of this machine may have any certificate'],
  },
  {
    cves: '2020-10749, 2020-13401, 2024-32473',
    what: 'IPv6 that nobody asked for: router advertisements believed by containers, addresses on networks without it',
    here: 'interfaces begin as under dockerd: no IPv6 on networks without, no advertisements on those with',
    tests: [
      'test/network/service.test.ts: an interface on a network without IPv6',
      'test/security/confinement.test.ts: a container finds what it finds under dockerd',
    ],
  },
  {
    cves: '2020-15257',
    what: "control sockets that a container on the host's network reaches",
    here: 'no abstract socket; sockets are files that no container sees',
    tests: ['test/security/escapes.test.ts: nothing of the engine listens at an abstract address'],
  },
  {
    cves: '2021-43784',
    what: 'mappings of ids so long that the runtime takes a part of them for something else',
    here: 'does not apply: no user namespaces, and nobody but the engine writes what the runtime is told',
    tests: [],
  },
  {
    cves: '2022-4318',
    what: 'lines that get into /etc/passwd with a working directory or a home',
    here: 'does not apply: the engine writes no /etc/passwd',
    tests: [],
  },
  {
    cves: '2020-1726',
    what: 'an image whose files take the place of what is in a volume',
    here: 'only a volume that is empty gets them',
    tests: ['test/image/rootfs.test.ts: a new volume gets what the image has there'],
  },
  {
    cves: '2021-21334',
    what: 'the environment of another container of the same image',
    here: 'does not apply: each is made from its own record, and nothing of it is kept for others',
    tests: [],
  },
  {
    cves: '2024-8676, 2025-6032',
    what: 'checkpoints that are restored, and virtual machines that are fetched',
    here: 'does not apply: there are none',
    tests: [],
  },
  {
    cves: '2021-21284',
    what: "user namespaces whose root reaches files of the host's",
    here: 'does not apply: no user namespaces',
    tests: [],
  },
  {
    cves: '2022-0811',
    what: 'sysctls of the host that a container sets',
    here: 'only names of namespaces that the container has to itself, however they are written',
    tests: ['test/security/escapes.test.ts: a sysctl that is the host'],
  },
  {
    cves: '2022-23648',
    what: "a volume of an image that leads to files of the host's",
    here: 'volumes of images are anonymous volumes; mounts are looked at before a start',
    tests: ['test/security/mounts.test.ts: a volume that an image declares'],
  },
  {
    cves: '2023-25809',
    what: 'cgroups that a container can write',
    here: 'mounted read-only, unless writable-cgroups is asked for',
    tests: ['test/security/confinement.test.ts: a container finds what it finds under dockerd'],
  },
  {
    cves: '2023-28840, 2023-28841, 2023-28842',
    what: 'overlay networks that are not encrypted',
    here: NO_SWARM,
    tests: [],
  },
  {
    cves: '2024-29018, 2025-54410, 2025-54388',
    what: "internal networks whose names are asked outside; isolation that a firewall's reload takes away",
    here: "from internal networks nothing is forwarded by the host, and servers of the container's own (`--dns`) are asked from its own network namespace; the rules are in a table of their own and are put back within the second",
    tests: [
      'test/compat/names.test.ts: an internal network forwards nothing',
      'test/compat/names.test.ts: on an internal network servers are asked as far as the container itself gets',
      'test/dns/resolver.test.ts: on internal networks unknown names',
      'test/fault/flush.test.ts: nor when a firewall is reloaded',
    ],
  },
  {
    cves: '2024-24557',
    what: 'a build cache that believes the history of images from elsewhere',
    here: "steps are found in the builder's own record, by what they are made of; other images count only where `--cache-from` names them",
    tests: [
      'test/security/builds.test.ts: an image that came from elsewhere is no cache',
      'src/build/run-step.test.ts: commands are told apart by their words',
    ],
  },
  {
    cves: '2024-36621, 2024-41110',
    what: 'authorization plugins, a race in the snapshots of their layers',
    here: 'does not apply: no plugins, no snapshotter of others',
    tests: [],
  },
  {
    cves: '2025-31133',
    what: 'masked paths that are covered by a /dev/null which the container has replaced',
    here: "crun takes the host's /dev/null, and what covers a path is looked at before the start (Debian 12: crun 1.8.1, runc 1.1.5)",
    tests: ['test/security/mounts.test.ts: masked path is covered by something else'],
  },
  {
    cves: '2025-52565',
    what: 'the console, bound to something else than a terminal',
    here: 'the mount table is looked at before the start; only a mount of devpts or none is at /dev/console',
    tests: ['test/security/mounts.test.ts: what is mounted in /proc, the console'],
  },
  {
    cves: '2025-52881',
    what: 'writes of the runtime to /proc that a race leads elsewhere',
    here: '/proc has to be a whole procfs when the container starts. What a runtime writes before (labels, sysctls) is its own matter: use a repaired one; the engine itself sets the sysctls of network namespaces, in its own procfs',
    tests: [
      'test/security/mounts.test.ts: a volume in /proc is refused',
      'test/kernel/system.test.ts: sysctls of a namespace',
    ],
  },
  {
    cves: '2020-8558',
    what: "the host's loopback, reached from containers and other machines",
    here: 'closed, proven with packets',
    tests: ['test/network/isolation.test.ts: a made-up source opens nothing'],
  },
];
