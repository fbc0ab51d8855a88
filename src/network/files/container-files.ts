/**
 * The three files of a container: rendered whole from the endpoint table, written so that no reader ever sees them
 * empty or half-written. In a running container the file that is mounted there is swapped for a new one, also in
 * containers that share its network; only where that cannot be done it is written in place by one write.
 */
import { closeSync, constants, fstatSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import type { Log } from '../../base/log.ts';
import { errorMessage } from '../../base/errors.ts';
import { canReplaceMountedFile, replaceMountedFile } from '../../kernel/mount-namespace.ts';
import {
  forgetMountedFile,
  isMountedThere,
  settleMountedFile,
  writeMountedFile,
  type MountedFile,
} from '../../kernel/mounted-file.ts';
import { netnsIdentity } from '../../kernel/netns.ts';
import { endpointAddresses } from '../../model/endpoint.ts';
import { isHeld, MAX_TEXT_BYTES, MAX_TEXT_LINES, readContainerText } from './container-text.ts';
import { containerHasIpv6 } from '../table/container-ipv6.ts';
import { innerAlias } from '../links/parse-link.ts';
import { parseExtraHosts } from '../hosts/extra-hosts.ts';
import { linkEntries, renderHosts } from '../hosts/hosts.ts';
import { linesAmong, mergeUserLines } from '../hosts/user-lines.ts';
import { dnsWishes, renderResolvConf, type DnsWishes, type HostResolvConf } from '../dns/resolv-conf.ts';
import type { SandboxRecord } from '../table/sandbox.ts';
import type { NetworkTable } from '../table/table.ts';
import { forgetRendered, noteRendered, readRendered, writeWhole } from './rendered-note.ts';

export interface FileFacts {
  readonly ipv6: boolean;
  readonly hostGateways: readonly string[];
  readonly resolvConf: HostResolvConf;
  readonly reachableResolvConf: HostResolvConf; // without servers that only the host can reach
  readonly defaults: DnsWishes; // the daemon's
}

export interface FileTexts {
  readonly hosts: string;
  readonly resolvConf: string;
}

/** The intended content of the container's own files. */
export function renderFiles(record: SandboxRecord, table: NetworkTable, facts: FileFacts): FileTexts {
  return { hosts: hostsText(record, table, facts), resolvConf: resolvConfText(record, facts) };
}

function hostsText(record: SandboxRecord, table: NetworkTable, facts: FileFacts): string {
  const { request, sandbox } = record;
  const extraHosts = parseExtraHosts(request.extraHosts, facts.hostGateways);
  if (sandbox.mode === 'host') {
    const lines = extraHosts.map((entry) => `${entry.address}\t${entry.names.join(' ')}\n`);
    return `${readIfThere('/etc/hosts')}${lines.join('')}`;
  }
  const links = request.links.flatMap((link) => {
    const source = table.sandbox(link.sourceId);
    // Links of this kind are the default bridge's; a source without an address there has no line.
    const endpoint = source?.sandbox.endpoints.find((one) => table.network(one.networkId)?.predefined);
    if (!source || !endpoint) return [];
    return linkEntries({
      alias: innerAlias(link.alias),
      sourceName: source.request.containerName,
      sourceHostname: source.request.hostname,
      ipv4: endpoint.ipv4,
      ipv6: endpoint.ipv6,
    });
  });
  return renderHosts({
    ipv6: containerHasIpv6(request, facts),
    extraHosts,
    links,
    addresses: sandbox.endpoints.flatMap(endpointAddresses),
    hostname: request.hostname,
    domainname: request.domainname,
  });
}

function resolvConfText(record: SandboxRecord, facts: FileFacts): string {
  const { sandbox } = record;
  const mode = sandbox.mode === 'host' ? 'host' : record.resolverPort > 0 ? 'embedded' : 'direct';
  return renderResolvConf({
    mode,
    host: mode === 'direct' ? facts.reachableResolvConf : facts.resolvConf,
    wishes: dnsWishes(record, facts.defaults),
    ipv6: sandbox.endpoints.some((endpoint) => endpoint.ipv6 !== ''),
  });
}

/** Before the container runs: no process has the files open. */
export function writeNewFiles(record: SandboxRecord, texts: FileTexts): void {
  const { files, hostname } = record.request;
  for (const path of [files.hosts, files.resolvConf]) {
    forgetMountedFile(path);
    forgetRendered(path);
  }
  writeWhole(files.hosts, texts.hosts);
  writeWhole(files.resolvConf, texts.resolvConf);
  writeWhole(files.hostname, `${hostname}\n`);
}

/**
 * Brings the files of a running container from what was written last to `texts`, with the user's lines kept. A
 * resolv.conf that the user changed is left alone, and so is a hosts file that is longer than any list of names.
 * Returns what now counts as written; `late`: a file is held by a process of the container's, and is as it was.
 */
export function updateFiles(record: SandboxRecord, texts: FileTexts, log: Log): { written: FileTexts; late: boolean } {
  const { written } = record;
  const [hosts, resolvConf] = [updateHosts, updateResolvConf].map((update) => {
    try {
      return update(record, texts, log);
    } catch (error) {
      if (isHeld(error)) return undefined;
      throw error;
    }
  });
  return {
    written: { hosts: hosts ?? written.hosts, resolvConf: resolvConf ?? written.resolvConf },
    late: hosts === undefined || resolvConf === undefined,
  };
}

/** Undefined: held. */
function updateHosts(record: SandboxRecord, texts: FileTexts, log: Log): string | undefined {
  const { written, request, sandbox } = record;
  if (texts.hosts === written.hosts) return written.hosts;
  const current = readContainerText(request.files.hosts);
  if ('unread' in current) {
    const facts = { container: sandbox.containerId, file: request.files.hosts };
    if (current.unread === 'held') {
      log.warn(
        facts,
        "the container's /etc/hosts is kept by a lease of one of its processes: it is brought up to date later",
      );
      return undefined;
    }
    // Not the engine's to cut, and nothing that the next change could not make good when it is shorter again.
    log.warn(
      { ...facts, maxBytes: MAX_TEXT_BYTES, maxLines: MAX_TEXT_LINES },
      "the container's /etc/hosts is too long to be kept up to date: it is left as it is",
    );
    return written.hosts;
  }
  noteRendered(request.files.hosts, [written.hosts, texts.hosts]);
  replaceFile(record, request.files.hosts, '/etc/hosts', mergeUserLines(written.hosts, current.text, texts.hosts), log);
  return texts.hosts;
}

/** Undefined: held. */
function updateResolvConf(record: SandboxRecord, texts: FileTexts, log: Log): string | undefined {
  const { written, request } = record;
  if (texts.resolvConf === written.resolvConf) return written.resolvConf;
  const current = readContainerText(request.files.resolvConf);
  if ('unread' in current) return current.unread === 'held' ? undefined : written.resolvConf;
  if (current.text !== written.resolvConf) return written.resolvConf;
  noteRendered(request.files.resolvConf, [written.resolvConf, texts.resolvConf]);
  replaceFile(record, request.files.resolvConf, '/etc/resolv.conf', texts.resolvConf, log);
  return texts.resolvConf;
}

/**
 * A daemon that dies between writing a file and storing that it did leaves a file that the store does not know of, and
 * its lines would be taken for the user's. The intended content is noted next to the file; here the two are reconciled.
 * Never throws: the stored state applies where nothing better is known.
 */
export function recallWritten(record: SandboxRecord, log: Log): SandboxRecord {
  const recall = (path: string, target: string, stored: string): string => {
    const noted = readRendered(path, log);
    if (noted.length === 0) return stored;
    const { containerId } = record.sandbox;
    try {
      if (isProcessOf(record, record.pid))
        settleMountedFile({ mountNamespace: `/proc/${record.pid}/ns/mnt`, target, path });
    } catch (error) {
      log.debug({ container: containerId, target, error: errorMessage(error) }, 'not the file that is mounted');
    }
    try {
      const now = readContainerText(path);
      return 'unread' in now ? stored : closest(now.text, [stored, ...noted]);
    } catch (error) {
      log.warn(
        { container: containerId, file: path, error: errorMessage(error) },
        'a file of a container cannot be read: it is taken to say what is stored of it',
      );
      return stored;
    }
  };
  const { files } = record.request;
  const { hosts, resolvConf } = record.written;
  return {
    ...record,
    written: {
      hosts: recall(files.hosts, '/etc/hosts', hosts),
      resolvConf: recall(files.resolvConf, '/etc/resolv.conf', resolvConf),
    },
  };
}

/** The rendering that a file, which the user may have changed, was made from. */
function closest(text: string, renderings: readonly string[]): string {
  if (renderings.includes(text)) return text;
  const lines = renderings.map((rendering) => new Set(rendering.split('\n')));
  const there = linesAmong(text, new Set(lines.flatMap((set) => [...set])));
  // By the lines of either that the other has not, of which the text's own number is the same for all.
  const distance = (set: ReadonlySet<string>): number =>
    set.size - 2 * [...set].filter((line) => there.has(line)).length;
  const distances = lines.map(distance);
  return renderings[distances.indexOf(Math.min(...distances))] ?? text;
}

let canReplace: boolean | undefined;

function replaceFile(record: SandboxRecord, path: string, target: string, text: string, log: Log): void {
  canReplace ??= canReplaceMountedFile();
  // The container itself may have ended while others share its network.
  const [pid, ...sharers] = [...(isProcessOf(record, record.pid) ? [record.pid] : []), ...livingSharers(record)];
  // Before Linux 6.5 only one of those that share a file could be given another: they see the same one change.
  if (pid !== undefined && (canReplace || sharers.length === 0)) {
    const file = (of: number): MountedFile => ({ mountNamespace: `/proc/${of}/ns/mnt`, target, path });
    try {
      const sharing = sharers.filter((one) => isMountedThere(file(one)));
      writeMountedFile(file(pid), text);
      for (const one of sharing) replaceMountedFile({ ...file(one), source: path });
      return;
    } catch (error) {
      if (isHeld(error)) throw error;
      log.debug({ container: record.sandbox.containerId, target, error: errorMessage(error) }, 'file written in place');
    }
  }
  // Where it is being mounted at this moment it has no readers yet, and a replacement file would not be seen.
  writeInPlace(path, text);
}

/** Processes of other containers that share the network and still run. */
export function livingSharers(record: SandboxRecord): number[] {
  return (record.sharers ?? []).filter((pid) => isProcessOf(record, pid));
}

/** A process id may have been given to another since: its network namespace tells. */
function isProcessOf(record: SandboxRecord, pid: number): boolean {
  if (pid === 0) return false;
  if (record.sandbox.netns === '') return true;
  try {
    return netnsIdentity(`/proc/${pid}/ns/net`) === netnsIdentity(record.sandbox.netns);
  } catch {
    return false;
  }
}

/** The same file, as others have it mounted: one write, then what is left of a longer text is cut off. Never empty. */
function writeInPlace(path: string, text: string): void {
  const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  try {
    const bytes = Buffer.from(text);
    writeSync(fd, bytes, 0, bytes.length, 0);
    if (fstatSync(fd).size !== bytes.length) ftruncateSync(fd, bytes.length);
  } finally {
    closeSync(fd);
  }
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
