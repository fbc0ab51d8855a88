/**
 * Which process has a port: for the sentence that tells a user why it is taken. Reads /proc; 1-20 ms, so only after a
 * refusal.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { runInNetns } from './netns.ts';
import { processIds, processName } from './process.ts';
import { ipBytes } from './socket-address.ts';

export interface PortHolderInfo {
  readonly pid: number;
  readonly program: string;
}

const TCP_LISTEN = '0A';

/**
 * The process that prevents binding the port at the address: one that listens on (tcp) or has bound (udp) it there, on
 * all addresses, on another one, or else one that has a connection from it. Undefined: none, or a process that this one
 * may not see (another PID namespace).
 */
export function portHolder(request: {
  protocol: 'tcp' | 'udp' | 'sctp';
  port: number;
  address?: string;
  netns?: string;
}): PortHolderInfo | undefined {
  const { protocol, port, address = '0.0.0.0', netns } = request;
  for (const inodes of runInNetns(netns, () =>
    protocol === 'sctp' ? [sctpInodes(port)] : socketInodes(protocol, port, address),
  )) {
    const holder = inodes.size === 0 ? undefined : holderOf(inodes);
    if (holder) return holder;
  }
  return undefined;
}

/** The process that listens on a unix socket of this network namespace: a path, or '@name' for an abstract one. */
export function unixSocketHolder(name: string): PortHolderInfo | undefined {
  // Num RefCount Protocol Flags Type St Inode Path; programs pad abstract names with NULs, which show as '@'.
  const inodes = new Set(
    linesOf('/proc/thread-self/net/unix')
      .filter((line) => line[7]?.replace(/@+$/, '') === name)
      .map((line) => line[6]!),
  );
  return inodes.size === 0 ? undefined : holderOf(inodes);
}

function holderOf(inodes: ReadonlySet<string>): PortHolderInfo | undefined {
  for (const pid of processIds()) {
    if (holdsOne(pid, inodes)) return { pid, program: processName(pid) ?? '' };
  }
  return undefined;
}

function sctpInodes(port: number): Set<string> {
  // ENDPT SOCK STY SST HBKT LPORT UID INODE LADDRS
  return new Set(
    linesOf('/proc/thread-self/net/sctp/eps')
      .filter((line) => Number(line[5]) === port)
      .map((line) => line[7]!),
  );
}

/** Of the sockets that have the port: from the likeliest to be in the way to the least. */
function socketInodes(protocol: 'tcp' | 'udp', port: number, address: string): Set<string>[] {
  const [there, everywhere, elsewhere, connected] = [
    new Set<string>(),
    new Set<string>(),
    new Set<string>(),
    new Set<string>(),
  ];
  const wanted = hexAddress(address);
  const hexPort = port.toString(16).toUpperCase().padStart(4, '0');
  const own = address.includes(':') ? `${protocol}6` : protocol;
  for (const file of [own, own === protocol ? `${protocol}6` : protocol]) {
    // sl local_address rem_address st ... inode is the tenth field, 0 for a connection without an owner
    for (const line of linesOf(`/proc/thread-self/net/${file}`)) {
      const [local = '', localPort] = line[1]?.split(':') ?? [];
      if (localPort !== hexPort || line[9] === '0') continue;
      if (protocol === 'tcp' && line[3] !== TCP_LISTEN) connected.add(line[9]!);
      else if (local === wanted) there.add(line[9]!);
      else if (/^0+$/.test(local)) everywhere.add(line[9]!);
      else elsewhere.add(line[9]!);
    }
  }
  return [there, everywhere, elsewhere, connected];
}

/** As /proc/net shows an address: each four bytes as a number of the machine. */
function hexAddress(address: string): string {
  const bytes = ipBytes(address);
  let text = '';
  for (let at = 0; at < bytes.length; at += 4)
    text += bytes.readUInt32LE(at).toString(16).toUpperCase().padStart(8, '0');
  return text;
}

function linesOf(file: string): string[][] {
  try {
    return readFileSync(file, 'utf8')
      .split('\n')
      .slice(1)
      .filter(Boolean)
      .map((line) => line.trim().split(/\s+/));
  } catch {
    return []; // a kernel without the protocol has no such file
  }
}

function holdsOne(pid: number, inodes: ReadonlySet<string>): boolean {
  let fds: string[];
  try {
    fds = readdirSync(`/proc/${pid}/fd`);
  } catch {
    return false; // gone meanwhile
  }
  return fds.some((fd) => {
    try {
      const match = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`));
      return match !== null && inodes.has(match[1]!);
    } catch {
      return false;
    }
  });
}
