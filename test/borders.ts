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
  dns: {
    mayImport: ['base'],
    because: 'the resolver is a process of its own that must stay small and outlive the daemon',
  },
  store: { mayImport: ['base', 'kernel'], because: 'it keeps records, it does not decide' },
  image: { mayImport: ['base', 'model', 'kernel'], because: 'images know nothing of running containers' },
  build: {
    mayImport: ['base', 'model', 'image'],
    because: 'it makes images; that its steps run as containers is known to the interface that it declares',
  },
  oci: { mayImport: ['base', 'model', 'kernel'], because: 'the runtime is told everything, it looks nothing up' },
  network: { mayImport: ['base', 'model', 'kernel'], because: 'networking is usable without images, runtime or API' },
  engine: {
    mayImport: ['base', 'model', 'network', 'oci', 'image', 'store'],
    because: 'use-cases never touch the kernel or the wire themselves',
  },
  api: {
    mayImport: ['base', 'model', 'wire'],
    because: 'it declares the backend that it needs; it must not know who answers',
  },
  cli: {
    mayImport: ['base', 'model', 'wire'],
    because:
      'it speaks HTTP to the daemon and nothing else; what people write is read by the rules of model, as in the daemon',
  },
  daemon: {
    mayImport: ['base', 'model', 'kernel', 'dns', 'store', 'image', 'build', 'oci', 'network', 'engine', 'api'],
    because: 'the composition root wires everything but the command line',
  },
};

/** A layer of network: a folder, or a file at its root. */
export interface Layer {
  readonly mayImport: readonly string[]; // other layers of network
  /**
   * Reaches the kernel, the disk or a clock. Layers that do not are pure: of other rooms they import base and model
   * only.
   */
  readonly acts?: true;
  readonly because: string;
}

/** From the bottom up. A file belongs to the layer with the longest name that it is in. */
export const NETWORK_LAYERS: Readonly<Record<string, Layer>> = {
  interfaces: { mayImport: [], because: 'names, addresses and marks of interfaces: how they are told apart' },
  ipam: { mayImport: [], because: 'addresses are given out without a look at who gets them' },
  links: { mayImport: [], because: 'what a link says and which variables it makes' },
  ports: { mayImport: [], because: 'which host port is whose is a decision; the sockets are in ports/held' },
  hosts: { mayImport: [], because: 'the text of a hosts file' },
  table: { mayImport: ['interfaces'], because: 'the endpoint table is what all else is a projection of' },
  'firewall/facts': { mayImport: [], because: 'what the firewall is told, as values; text and bytes come later' },
  plan: {
    mayImport: ['interfaces', 'ipam', 'links', 'table', 'firewall/facts'],
    because: 'what is to be done, as steps and facts; the drivers are part of it',
  },
  dns: {
    mayImport: ['links', 'table', 'plan'],
    because: 'zones and views are projections; the resolver is told by operations',
  },
  'contract.ts': { mayImport: ['table'], because: 'what the room asks of those who use it' },
  files: {
    mayImport: ['hosts', 'links', 'table', 'dns'],
    acts: true,
    because: 'writes the three files of a container',
  },
  firewall: { mayImport: ['interfaces', 'plan', 'firewall/facts'], acts: true, because: 'our own table' },
  'firewall/others': {
    mayImport: ['interfaces', 'plan', 'firewall'],
    acts: true,
    because: 'reads what the other firewalls of the host do',
  },
  'firewall/way': {
    mayImport: ['firewall/others'],
    acts: true,
    because: 'changes what the other firewalls of the host do',
  },
  host: {
    mayImport: ['interfaces', 'ipam', 'ports', 'dns', 'plan', 'contract.ts', 'firewall'],
    acts: true,
    because: 'what is read of the host, and the few switches that are set there',
  },
  'ports/held': {
    mayImport: ['ports', 'table', 'host'],
    acts: true,
    because: 'sockets that hold host ports, and the relays behind them',
  },
  apply: {
    mayImport: ['interfaces', 'plan', 'firewall'],
    acts: true,
    because: 'runs steps; it knows nothing of why they are to be done',
  },
  operations: {
    mayImport: [
      'interfaces',
      'ipam',
      'ports',
      'ports/held',
      'table',
      'firewall/facts',
      'plan',
      'dns',
      'contract.ts',
      'files',
      'firewall',
      'firewall/others',
      'firewall/way',
      'host',
      'apply',
    ],
    acts: true,
    because: 'join, leave, connect, publish, restore, repair: they bring the layers together',
  },
  'service.ts': {
    mayImport: ['operations', 'table', 'dns', 'contract.ts'],
    acts: true,
    because: 'the door: it puts the parts together that consumers declare',
  },
};

/** A driver is told by its name. Overlay is not one of ours: only its refusal knows it. */
export const DRIVER_NAMES = /(?<!ipam\.)\bdriver\b\)?\s*[!=]==\s*'(?!overlay)|\b(?:driverNamed|findDriver)\('/;

/** Names that say nothing about what is inside. */
export const BANNED_FILE_NAMES: readonly string[] = [
  'index.ts',
  'utils.ts',
  'util.ts',
  'helpers.ts',
  'common.ts',
  'misc.ts',
];

export const MAX_FILE_LINES = 450;

/**
 * Programs that would take a tree as their root; only the confined ones are started with one
 * (kernel/confined-program.ts).
 */
export const ROOT_CHANGES =
  /\bchroot\(|\bpivotRoot\(|\/s?bin\/chroot\b|\b(?:spawn|exec|run)\w*\(\s*['"`]chroot['"`]|\bexec chroot\b/;
export const MAY_CHANGE_ROOT: readonly string[] = [
  'kernel/ffi.ts',
  'kernel/mount-namespace.ts',
  'kernel/confined-program.ts',
];

/**
 * A process of a container may hold a lease on a file of its own: whoever opens that for reading or writing waits in
 * the kernel, up to 45 s, if he does not say O_NONBLOCK. Descriptors that only name a file (O_PATH) and directories are
 * not concerned.
 */
export const TREE_OPENS =
  /\b(?:openFd|openSync|open|readFileSync|writeFileSync|appendFileSync|createReadStream|createWriteStream|readFile|writeFile|copyFile|copyFileSync)\((?![^\n]*\bO_(?:PATH|DIRECTORY|NONBLOCK)\b)[^\n]*(?:\bhostPath\b|\/proc\/self\/fd\/|\bmerged(?:Dir)?\b|\bupper(?:Dir)?\b|\bmountpoint\b|\bfiles\.(?:hosts|resolvConf)\b|\bbeneath\b|\/root\/)/;

/**
 * A sentence of an error that is looked into for what it means. What an error knows stands in its kind, its code, its
 * class.
 */
export const SENTENCES_READ =
  /(?:\b\w*[mM]essage|\bdetail|errorMessage\([^()]*\)|errorText\([^()]*\))\)?\.(?:includes|startsWith|endsWith|match|search|indexOf)\(|\.(?:test|exec)\((?:\([^()]*\)\.|\w+\.)?(?:\w*[mM]essage\b|detail|errorMessage\(|errorText\()|(?<!typeof )(?:\bmessage|errorMessage\([^()]*\)) [!=]== '[^']/;

/** Whose sentences they are. */
export const MAY_READ_SENTENCES: Readonly<Record<string, string>> = {
  'base/host-errors.ts': "Node's, of files, programs and sockets",
  'image/archive-files.ts': 'those of tar-stream and zlib, which have no codes',
  'base/network-failure.ts': "those of OpenSSL and of Node's HTTP client",
  'oci/runtime-errors.ts': 'those of crun and runc',
  'wire/parse-body.ts': "those of V8's JSON.parse",
};

/** Who may, and why that holds up nobody. */
export const MAY_OPEN_TREES: Readonly<Record<string, string>> = {
  'kernel/silent-mounts.ts': 'in a child, which is there to wait',
};
