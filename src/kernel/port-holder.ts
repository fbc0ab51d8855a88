/** Who has a port: for the sentence that tells a user why it is taken. Reads /proc; 1-20 ms, so only after a refusal. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { runInNetns } from './netns.ts';
import { processIds, processName } from './process.ts';

export interface PortHolderInfo {
  readonly pid: number;
  readonly program: string;
}

const TCP_LISTEN = '0A';

/**
 * The process that listens on (tcp) or has bound (udp) the port at any address of the namespace, IPv4 or IPv6. Undefined:
 * nobody, or a process that this one may not see (another PID namespace).
 */
export function portHolder(request: { protocol: 'tcp' | 'udp' | 'sctp'; port: number; netns?: string }): PortHolderInfo | undefined {
  const inodes = runInNetns(request.netns, () => socketInodes(request.protocol, request.port));
  return inodes.size === 0 ? undefined : holderOf(inodes);
}

/** The process that listens on a unix socket of this network namespace: a path, or '@name' for an abstract one. */
export function unixSocketHolder(name: string): PortHolderInfo | undefined {
  // Num RefCount Protocol Flags Type St Inode Path; programs pad abstract names with NULs, which show as '@'.
  const inodes = new Set(linesOf('/proc/thread-self/net/unix').filter((line) => line[7]?.replace(/@+$/, '') === name).map((line) => line[6]!));
  return inodes.size === 0 ? undefined : holderOf(inodes);
}

function holderOf(inodes: ReadonlySet<string>): PortHolderInfo | undefined {
  for (const pid of processIds()) {
    if (holdsOne(pid, inodes)) return { pid, program: processName(pid) ?? '' };
  }
  return undefined;
}

function socketInodes(protocol: string, port: number): Set<string> {
  const inodes = new Set<string>();
  if (protocol === 'sctp') {
    for (const line of linesOf('/proc/thread-self/net/sctp/eps')) {
      // ENDPT SOCK STY SST HBKT LPORT UID INODE LADDRS
      if (Number(line[5]) === port) inodes.add(line[7]!);
    }
    return inodes;
  }
  const hexPort = port.toString(16).toUpperCase().padStart(4, '0');
  for (const file of [protocol, `${protocol}6`]) {
    // sl local_address rem_address st ... inode is the tenth field
    for (const line of linesOf(`/proc/thread-self/net/${file}`)) {
      if (!line[1]?.endsWith(`:${hexPort}`)) continue;
      if (protocol === 'udp' || line[3] === TCP_LISTEN) inodes.add(line[9]!);
    }
  }
  return inodes;
}

function linesOf(file: string): string[][] {
  try {
    return readFileSync(file, 'utf8').split('\n').slice(1).filter(Boolean).map((line) => line.trim().split(/\s+/));
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
