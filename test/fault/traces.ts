/**
 * Everything that an engine leaves on a machine, as one sorted list of lines: interfaces, firewall, namespaces,
 * processes, cgroups, mounts, files, held ports. Two lists are compared to say that an operation left nothing behind.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, readlinkSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { check } from '../harness/host.ts';
import { sleep, type TestEngine } from '../harness/test-engine.ts';

/** A cgroup parent that no other engine on this machine uses, for --cgroup-parent. */
export function ownCgroupParent(): string {
  return `/cwt-${randomBytes(4).toString('hex')}`;
}

export interface Traces {
  readonly lines: readonly string[];
}

/** What is there now. `cgroupParent`: what the engine was started with. */
export function traces(engine: TestEngine, cgroupParent: string, dataRoot = engine.dataRoot): Traces {
  return {
    lines: [
      ...links(engine),
      ...firewall(engine),
      ...processes(engine),
      ...cgroups(cgroupParent),
      ...mounts(engine, dataRoot),
      ...files('data', dataRoot),
      ...files('exec', engine.execRoot),
      ...ports(engine),
    ].sort(),
  };
}

/**
 * What is there now that everything removed so far is gone: what others are compared with later. Files of removed
 * containers are deleted in the background, and would be missed then.
 */
export async function tracesAtRest(
  engine: TestEngine,
  cgroupParent: string,
  dataRoot = engine.dataRoot,
): Promise<Traces> {
  for (const end = Date.now() + 60_000; ; await sleep(50)) {
    const now = traces(engine, cgroupParent, dataRoot);
    const listed = new Set(engine.ok('ps', '-aq', '--no-trunc').split('\n'));
    const going = now.lines.filter((line) => isGoing(line, listed));
    if (going.length === 0) return now;
    if (Date.now() > end) throw new Error(`what was removed is not deleted:\n${going.join('\n')}`);
  }
}

/** A file of a container that is not listed, or one that is deleted. */
function isGoing(line: string, listed: ReadonlySet<string>): boolean {
  if (/^file data\/image\/trash\/./.test(line)) return true;
  const container = /^file (?:data|exec)\/(?:image\/)?containers\/([0-9a-f]{64})/.exec(line)?.[1];
  return container !== undefined && !listed.has(container);
}

/** The traces' difference, '' when there is none: '+' is new, '-' is gone. */
function difference(before: Traces, after: Traces): string {
  const old = new Set(before.lines);
  const now = new Set(after.lines);
  return [
    ...after.lines.filter((line) => !old.has(line)).map((line) => `+ ${line}`),
    ...before.lines.filter((line) => !now.has(line)).map((line) => `- ${line}`),
  ].join('\n');
}

/**
 * Fails unless everything is as `before`, at the latest after a moment: files and links are deleted in the background.
 */
export async function assertUntouched(
  engine: TestEngine,
  cgroupParent: string,
  before: Traces,
  what: string,
  options: { dataRoot?: string; timeoutMs?: number } = {},
): Promise<void> {
  let left = '';
  for (const end = Date.now() + (options.timeoutMs ?? 60_000); ; await sleep(50)) {
    left = difference(before, traces(engine, cgroupParent, options.dataRoot));
    if (left === '') return;
    if (Date.now() > end) break;
  }
  throw new Error(`${what} left something behind:\n${left}`);
}

function links(engine: TestEngine): string[] {
  const list = JSON.parse(engine.host.ok('ip', '-j', '-d', 'link', 'show')) as {
    ifname: string;
    master?: string;
    linkinfo?: { info_kind?: string };
  }[];
  return list.map((link) => `link ${link.ifname} ${link.linkinfo?.info_kind ?? ''} ${link.master ?? ''}`.trim());
}

/** One line for each table, chain, rule and element; handles and counters are no content. */
function firewall(engine: TestEngine): string[] {
  const { nftables } = JSON.parse(engine.host.ok('nft', '-j', 'list', 'ruleset')) as {
    nftables: Record<string, Record<string, unknown>>[];
  };
  return nftables.flatMap((item) => {
    const [kind, body] = Object.entries(item)[0]!;
    if (kind === 'metainfo') return [];
    const where = `nft ${kind} ${String(body['family'])} ${String(body['table'] ?? '')} ${String(body['name'] ?? body['chain'] ?? '')}`;
    if (kind !== 'set' && kind !== 'map') return [`${where} ${plain({ ...body, handle: 0 })}`];
    const elements = (body['elem'] as unknown[] | undefined) ?? [];
    return [where, ...elements.map((element) => `${where} ${plain(element)}`)];
  });
}

function plain(value: unknown): string {
  return JSON.stringify(value, (key, inner: unknown) => (key === 'counter' || key === 'expires' ? null : inner));
}

/**
 * By the program's name and what it works for; the daemon itself and the resolver, of which there is one each, without
 * their pids.
 */
export function processes(engine: TestEngine): string[] {
  return engine.processes().flatMap((pid) => {
    const argv = readText(`/proc/${pid}/cmdline`).split('\0');
    if (argv[0] === '') return [];
    const program = argv[0]!.split('/').at(-1)!;
    const id = argv[argv.indexOf('-c') + 1];
    if (program === 'node')
      return [
        `process ${
          argv
            .find((arg) => arg.endsWith('.mjs') || arg.endsWith('.cjs'))
            ?.split('/')
            .at(-1) ?? argv.join(' ')
        }`,
      ];
    return [`process ${program} ${argv.includes('-c') ? id : argv.join(' ')}`];
  });
}

/** Every hierarchy's directories below the parent. */
export function cgroups(parent: string): string[] {
  const below = (path: string): string[] => {
    if (!existsSync(path)) return [];
    return readdirSync(path, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .flatMap((entry) => [join(path, entry.name), ...below(join(path, entry.name))]);
  };
  return cgroupRoots()
    .flatMap((root) => below(root + parent))
    .map((path) => `cgroup ${path}`);
}

/** The parent directory itself stays, as /sys/fs/cgroup/x/docker does; a test takes it away at the end. */
export function removeCgroupParent(parent: string): void {
  for (const root of cgroupRoots()) {
    try {
      rmdirSync(root + parent);
    } catch {
      // Not there in this hierarchy.
    }
  }
}

function cgroupRoots(): string[] {
  const base = '/sys/fs/cgroup';
  return [
    base,
    ...readdirSync(base, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() || entry.isSymbolicLink())
      .map((entry) => join(base, entry.name)),
  ];
}

/**
 * Mounts under our directories, in the daemon's mount namespace, or while there is no daemon in that of what it left.
 */
function mounts(engine: TestEngine, dataRoot = engine.dataRoot): string[] {
  const holder = namespaceHolder(engine);
  if (holder === undefined) return [];
  return readText(`/proc/${holder}/mountinfo`)
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((point) => point.startsWith(engine.dir) || point.startsWith(dataRoot))
    .map((point) => `mount ${point.replace(dataRoot, '/data').replace(engine.dir, '')}`);
}

function namespaceHolder(engine: TestEngine): number | undefined {
  return engine.processes().find((pid) => {
    try {
      return readlinkSync(`/proc/${pid}/ns/mnt`) === readText(`/proc/${pid}/root${engine.execRoot}/mounts/id`);
    } catch {
      return false;
    }
  });
}

/** Everything below a directory; read again when something in it is deleted meanwhile. */
function listed(root: string): string[] {
  while (existsSync(root)) {
    try {
      return readdirSync(root, { recursive: true, encoding: 'utf8' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  return [];
}

function files(name: string, root: string): string[] {
  // The copy of the state is written when things have settled, whatever was done.
  const skip = (path: string): boolean =>
    /^state\/copy\.jsonl(\.new)?$/.test(path) ||
    (/^image\/(blobs|layers|init)\/./.test(path) && path.split('/').length > 3);
  return listed(root)
    .filter((path) => !skip(path) && !/\/(merged|diff|work)\//.test(path))
    .map((path) => `file ${name}/${path}`);
}

/** Listening and bound sockets of the host, with who has them. */
function ports(engine: TestEngine): string[] {
  return check(engine.host.run('ss', '-Hlntu'))
    .out.split('\n')
    .filter(Boolean)
    .map((line) => {
      const [protocol, , , , local] = line.split(/\s+/);
      return `port ${protocol} ${local}`;
    });
}

export function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
