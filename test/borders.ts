/** Which room may import from which, and why the others are banned. The border test reads this; so may you. */
export interface Border {
  readonly mayImport: readonly string[];
  readonly because: string;
}

export const BORDERS: Readonly<Record<string, Border>> = {
  base: { mayImport: [], because: 'everything stands on it, so it stands on nothing of ours' },
  model: { mayImport: ['base'], because: 'records are plain values: no I/O, no wire, no kernel' },
  wire: { mayImport: ['base'], because: "Docker's shapes must not leak into the domain, nor the domain into them" },
  kernel: { mayImport: ['base'], because: 'the only door to the kernel knows nothing of containers' },
  dns: { mayImport: ['base'], because: 'the resolver is a process of its own that must stay small and outlive the daemon' },
  store: { mayImport: ['base', 'model', 'kernel'], because: 'it keeps records, it does not decide' },
  image: { mayImport: ['base', 'model', 'kernel'], because: 'images know nothing of running containers' },
  oci: { mayImport: ['base', 'model', 'kernel'], because: 'the runtime is told everything, it looks nothing up' },
  network: { mayImport: ['base', 'model', 'kernel'], because: 'networking is usable without images, runtime or API' },
  engine: { mayImport: ['base', 'model', 'network', 'oci', 'image', 'store'], because: 'use-cases never touch the kernel or the wire themselves' },
  api: { mayImport: ['base', 'model', 'wire'], because: 'it declares the backend that it needs; it must not know who answers' },
  cli: { mayImport: ['base', 'wire'], because: 'it speaks HTTP to the daemon and nothing else' },
  daemon: { mayImport: ['base', 'model', 'wire', 'kernel', 'dns', 'store', 'image', 'oci', 'network', 'engine', 'api'], because: 'the composition root wires everything but the command line' },
};

/** Parts of network that are pure: only base, model and each other. */
export const PURE_NETWORK_PARTS: readonly string[] = ['plan', 'ipam', 'names', 'links', 'ports'];
export const PURE_BECAUSE = 'what is decided must be testable without a kernel';

/** Names that say nothing about what is inside. */
export const BANNED_FILE_NAMES: readonly string[] = ['index.ts', 'utils.ts', 'util.ts', 'helpers.ts', 'common.ts', 'misc.ts'];

export const MAX_FILE_LINES = 450;

/** Programs that would take a tree as their root; only the confined ones are started with one (kernel/confined-program.ts). */
export const ROOT_CHANGES = /\bchroot\(|\bpivotRoot\(|\/s?bin\/chroot\b|\b(?:spawn|exec|run)\w*\(\s*['"`]chroot['"`]|\bexec chroot\b/;
export const MAY_CHANGE_ROOT: readonly string[] = ['kernel/ffi.ts', 'kernel/mount-namespace.ts', 'kernel/confined-program.ts'];

/**
 * A process of a container may hold a lease on a file of its own: whoever opens that for reading or writing waits in the kernel, up to 45 s, if he does
 * not say O_NONBLOCK. Descriptors that only name a file (O_PATH) and directories are not concerned.
 */
export const TREE_OPENS =
  /\b(?:openFd|openSync|open|readFileSync|writeFileSync|appendFileSync|createReadStream|createWriteStream|readFile|writeFile|copyFile|copyFileSync)\((?![^\n]*\bO_(?:PATH|DIRECTORY|NONBLOCK)\b)[^\n]*(?:\bhostPath\b|\/proc\/self\/fd\/|\bmerged(?:Dir)?\b|\bupper(?:Dir)?\b|\bmountpoint\b|\bfiles\.(?:hosts|resolvConf)\b|\bbeneath\b|\/root\/)/;

/** A sentence of an error that is looked into for what it means. What an error knows stands in its kind, its code, its class. */
export const SENTENCES_READ =
  /(?:\b\w*[mM]essage|\bdetail|errorMessage\([^()]*\)|errorText\([^()]*\))\)?\.(?:includes|startsWith|endsWith|match|search|indexOf)\(|\.(?:test|exec)\((?:\([^()]*\)\.|\w+\.)?(?:\w*[mM]essage\b|detail|errorMessage\(|errorText\()|(?<!typeof )(?:\bmessage|errorMessage\([^()]*\)) [!=]== '[^']/;

/** Whose sentences they are. */
export const MAY_READ_SENTENCES: Readonly<Record<string, string>> = {
  'base/host-errors.ts': "Node's, of files, programs and sockets",
  'daemon/daemon-flags.ts': "those of Node's parseArgs, which name the flag nowhere else",
  'image/load-images.ts': "those of tar-stream and zlib, which have no codes",
  'image/registry/transport.ts': "those of OpenSSL and of Node's HTTP client",
  'oci/runtime-errors.ts': 'those of crun and runc',
  'wire/parse-body.ts': "those of V8's JSON.parse",
};

/** Who may, and why that holds up nobody. */
export const MAY_OPEN_TREES: Readonly<Record<string, string>> = { 'kernel/silent-mounts.ts': 'in a child, which is there to wait' };
