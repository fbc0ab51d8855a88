/**
 * A container's tree is entered by descriptors only (kernel/root-path.ts, kernel/open-in-root.ts): a path that is put
 * together from such a root and more is resolved from the host's root, along whatever links the container has put
 * there. Here is how such a path is told in the text of the sources, by what trees are called and by what variables get
 * them, and who may put one together.
 */

/** What trees, and roots of any kind, are called. Calls that answer with one have their parenthesis. */
const NAMES = [
  'root',
  'rootDir',
  'rootfs',
  'rootfsDir',
  'merged',
  'mergedDir',
  'upper',
  'upperDir',
  'lower',
  'lowerDir',
  'layer',
  'layerDir',
  'layerDirectory',
  'hostPath',
  'mountpoint',
  'volumeDir',
  'tree',
  'source',
  String.raw`mount(?=\()`,
  String.raw`layers\.path(?=\()`,
];

/** Whatever a variable is called that is given one. */
const GIVEN =
  /\b(?:const|let)\s+(\w+)\s*=[^;\n]*(?:\b(?:rootfs\.mount|mergedDir|upperDir|layers\.path)\([^;\n()]*\)|\.hostPath)\s*;/g;

/** How a path is put together, or a program put to work in a tree; the first group says of what. */
function joinsOf(names: readonly string[]): RegExp[] {
  const tree = String.raw`(?:[\w#]+[?!]?\.)*(${names.join('|')})\b(?:\([^()]*\))?!?`;
  return [
    String.raw`\b(?:join|resolve|normalize)\(\s*${tree}\s*,`,
    String.raw`\$\{${tree}\}[/$]`,
    String.raw`(?<![\w.'"])${tree}\s*\+\s*(?=['"\x60\w(])`,
    String.raw`\b(?:cwd:|chdir\()\s*${tree}`,
    String.raw`(/proc/\$\{[^}]*\}/(?:root|cwd)\b)(?!['"\x60])`,
  ].map((pattern) => new RegExp(pattern, 'g'));
}

export interface TreePath {
  /** What it is put together from. */
  readonly from: string;
  readonly text: string;
}

export function treePathsIn(source: string): TreePath[] {
  const given = [...source.matchAll(GIVEN)].map((match) => match[1]!);
  return joinsOf([...NAMES, ...given]).flatMap((pattern) =>
    [...source.matchAll(pattern)].map((match) => ({ from: match[1]!, text: lineAt(source, match.index) })),
  );
}

function lineAt(source: string, index: number): string {
  const end = source.indexOf('\n', index);
  return source.slice(source.lastIndexOf('\n', index) + 1, end < 0 ? undefined : end).trim();
}

const DATA_ROOT =
  "the daemon's own directory of images and containers, root's alone; what is put behind it is a name of ours or a digest";
const CGROUP = 'a hierarchy of cgroups, where a container can make directories and no links';

/** Who may, from what, and why nothing of a container is on the way. */
export const MAY_JOIN_TREES: Readonly<Record<string, { readonly from: string; readonly because: string }>> = {
  'build/cache-mounts.ts': {
    from: 'root',
    because: "the directory of all cache mounts, root's alone; behind it is a digest",
  },
  'build/copy-step.ts': {
    from: 'root',
    because: "a directory of the builder's that was made a moment ago, and in it a name without a slash",
  },
  'daemon/docker-installed.ts': { from: 'root', because: "the host's own root" },
  'daemon/private-mounts.ts': {
    from: '/proc/${pid}/root',
    because: "asked only of processes whose root directory and user namespace are the host's",
  },
  'engine/volume/container-mounts.ts': { from: 'mountpoint', because: 'compares the text of an older record' },
  'engine/volume/volume-service.ts': {
    from: 'root',
    because: "the directory of all volumes, root's alone; behind it is a volume's checked name",
  },
  'image/aside-images.ts': { from: 'root', because: DATA_ROOT },
  'image/blob-store.ts': { from: 'root', because: DATA_ROOT },
  'image/image-catalog.ts': { from: 'root', because: DATA_ROOT },
  'image/index-file.ts': { from: 'root', because: DATA_ROOT },
  'image/index-repair.ts': { from: 'root', because: DATA_ROOT },
  'image/layer-store.ts': { from: 'root', because: DATA_ROOT },
  'image/rootfs.ts': { from: 'root', because: DATA_ROOT },
  'kernel/cgroup.ts': { from: 'root', because: CGROUP },
  'kernel/process.ts': {
    from: '/proc/${pid}/root',
    because: 'looks at the root itself, by the slash at its end, and at nothing in it',
  },
  'kernel/sysctl.ts': { from: 'root', because: 'a descriptor of an instance of procfs of ours' },
  'kernel/unified-cgroup.ts': { from: 'root', because: CGROUP },
  'oci/container-cgroup.ts': { from: 'root', because: CGROUP },
  'oci/runtime-probe.ts': { from: 'rootfs', because: 'an empty root file system of our own' },
  'oci/subpath-mounts.ts': { from: 'source', because: 'the words of an error' },
  'store/file-check.ts': { from: 'upper', because: 'a number: where free space on a page of the state ends' },
};
