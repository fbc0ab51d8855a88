/**
 * What rooms may import from outside of src: packages of npm and built-ins of Node. test/outside-imports.test.ts reads
 * this; so may you.
 */
/**
 * Which rooms may import a package of npm: each is known in one or two rooms, so that it can be replaced there. What is
 * not listed may be imported nowhere.
 */
export const PACKAGES: Readonly<Record<string, { readonly rooms: readonly string[]; readonly because: string }>> = {
  koffi: { rooms: ['kernel'], because: 'C functions are called through kernel/ffi.ts alone' },
  lmdb: { rooms: ['store'], because: 'others see records, not a database' },
  valibot: { rooms: ['wire', 'api'], because: 'what comes from outside is validated where it comes in' },
  pino: { rooms: ['base'], because: 'others see the Log of base/log.ts' },
  re2js: { rooms: ['base'], because: 'others see base/linear-match.ts, which loads it when it is needed' },
  'ip-bigint': { rooms: ['model'], because: 'addresses are parsed and written in model/addresses.ts' },
  yaml: { rooms: ['oci'], because: 'only CDI specifications are YAML; it is loaded when there is one' },
  'tar-stream': { rooms: ['image'], because: 'archives are images and trees of containers' },
};

/** Which rooms may import a built-in of Node that starts programs, threads or servers, or owns the terminal. */
export const BUILT_INS: Readonly<Record<string, { readonly rooms: readonly string[]; readonly because: string }>> = {
  child_process: {
    rooms: ['base', 'image', 'cli', 'daemon'],
    because: 'programs are started by base/program.ts or kernel/spawn.ts, which end what does not answer',
  },
  worker_threads: {
    rooms: ['image', 'oci'],
    because:
      'a thread has a second copy of all code; only the extraction of archives and the writing of logs are worth it',
  },
  http: {
    rooms: ['api', 'image', 'cli', 'daemon'],
    because: 'the API, the registry client and the clients of the API speak HTTP',
  },
  https: {
    rooms: ['api', 'cli', 'image'],
    because: 'the API, the registry client and the clients of the API speak HTTP',
  },
  tls: {
    rooms: ['cli', 'daemon', 'image', 'oci'],
    because: 'registries, the TCP sockets of daemons and syslog servers speak TLS',
  },
  dgram: {
    rooms: ['network', 'oci'],
    because: 'the relay for UDP of published ports, and syslog; other sockets are made in kernel',
  },
  zlib: {
    rooms: ['image', 'oci', 'cli'],
    because: 'layers, full logs and the context of `build --compress`, nothing else',
  },
  vm: { rooms: ['base'], because: 'the command line and the engine are kept compiled; nothing else is worth it' },
  tty: { rooms: ['cli'], because: 'only the command line has a terminal' },
  readline: { rooms: ['cli'], because: 'only the command line has a terminal' },
  'readline/promises': { rooms: ['cli'], because: 'only the command line has a terminal' },
};

/**
 * Rooms that compute and touch nothing outside of the process, as the pure layers of network do (NETWORK_LAYERS in
 * borders.ts).
 */
export const PURE_ROOMS: readonly string[] = ['model', 'wire'];

/** What they may import of Node, by name. */
export const PURE_BUILT_INS: Readonly<Record<string, readonly string[]>> = {
  crypto: ['createHash', 'randomBytes'],
  net: ['isIP', 'isIPv4', 'isIPv6'],
};
