/**
 * A container's /etc/hosts. Rendered whole from what is known, byte for byte as Docker writes it; lines that the
 * container's own user added, changed or took out are carried over by `mergeUserLines`.
 */
import { canonicalIp, ipVersion } from '../../model/addresses.ts';
import { endpointAddresses } from '../../model/endpoint.ts';

export interface HostsModel {
  /** False where the container has no IPv6 at all: then no line has an IPv6 address. */
  readonly ipv6?: boolean;
  /** --add-host, in order, 'host-gateway' resolved (see `parseExtraHosts`). */
  readonly extraHosts: readonly HostsEntry[];
  /** Links on the default bridge, in order; see `linkEntries`. */
  readonly links: readonly HostsEntry[];
  /** The container's own addresses, in the order of its interfaces, IPv4 before IPv6. */
  readonly addresses: readonly string[];
  readonly hostname: string;
  readonly domainname: string;
}

/** A line: the names as written, separated by a space. */
export interface HostsEntry {
  readonly address: string;
  readonly names: readonly string[];
}

const LOOPBACK4 = '127.0.0.1\tlocalhost';
const STANDARD6 = [
  '::1\tlocalhost ip6-localhost ip6-loopback',
  'fe00::0\tip6-localnet',
  'ff00::0\tip6-mcastprefix',
  'ff02::1\tip6-allnodes',
  'ff02::2\tip6-allrouters',
];

export function renderHosts(model: HostsModel): string {
  const ipv6 = model.ipv6 ?? true;
  const own = ownNames(model.hostname, model.domainname);
  const entries = [...model.extraHosts, ...model.links, ...model.addresses.map((address) => ({ address, names: own }))];
  const lines = [
    LOOPBACK4,
    ...(ipv6 ? STANDARD6 : []),
    ...entries
      .filter(({ address, names }) => names.length > 0 && address !== '' && (ipv6 || ipVersion(address) === 4))
      .map(({ address, names }) => `${canonicalIp(address)}\t${names.join(' ')}`),
  ];
  return `${lines.join('\n')}\n`;
}

/** What a link's line names: the alias, the source's hostname (its short id unless set), and its name where that is another. */
export function linkEntries(link: {
  readonly alias: string;
  readonly sourceName: string;
  readonly sourceHostname: string;
  readonly ipv4: string;
  readonly ipv6: string;
}): HostsEntry[] {
  const names = [link.alias, link.sourceHostname, ...(link.alias === link.sourceName ? [] : [link.sourceName])];
  return endpointAddresses(link).map((address) => ({ address, names }));
}

/** A fully qualified hostname, given as one or in two parts, is followed by its bare form. */
function ownNames(hostname: string, domainname: string): string[] {
  if (hostname === '') return [];
  const full = domainname === '' ? hostname : `${hostname}.${domainname}`;
  const dot = full.indexOf('.');
  return dot < 0 ? [full] : [full, full.slice(0, dot)];
}

/**
 * Carries the user's edits from the file as it is now into a new rendering. `lastRendered` is what `renderHosts` gave
 * the last time: not the merged file, or the user's lines would be taken for ours. Lines that the user added stay
 * where they were relative to our lines around them; lines of ours that the user took out or changed do not come back
 * while they would be the same.
 */
export function mergeUserLines(lastRendered: string, current: string, next: string): string {
  if (current === lastRendered) return next;
  const base = splitLines(lastRendered);
  const edited = splitLines(current);
  const rendered = splitLines(next);
  const kept = longestCommon(base, edited); // pairs [index in base, index in edited]

  const removed = countLines(base.filter((_, index) => !kept.some(([at]) => at === index)));
  const survivors: string[] = [];
  for (const line of rendered) {
    const count = removed.get(line) ?? 0;
    if (count > 0) removed.set(line, count - 1);
    else survivors.push(line);
  }

  // Our lines of before that are still there, by where they stand in the new file.
  const place = new Map<number, number>(); // index in base -> index in survivors
  for (const [inBase, inNext] of longestCommon(base, survivors)) place.set(inBase, inNext);

  // Each run of the user's lines goes before the next of our lines that is still there, or behind the one before it.
  const before = new Map<number, string[]>(); // index in survivors -> the user's lines in front of it
  const keptEdited = new Map(kept.map(([inBase, inEdited]) => [inEdited, inBase]));
  let previous = -1; // in base
  let run: string[] = [];
  const flush = (following: number) => {
    if (run.length === 0) return;
    const target = runPlace(place, previous, following, base.length, survivors.length);
    before.set(target, [...(before.get(target) ?? []), ...run]);
    run = [];
  };
  for (const [index, line] of edited.entries()) {
    const inBase = keptEdited.get(index);
    if (inBase === undefined) {
      run.push(line);
      continue;
    }
    flush(inBase);
    previous = inBase;
  }
  flush(base.length);

  const result: string[] = [];
  for (let index = 0; index <= survivors.length; index++) {
    result.push(...(before.get(index) ?? []));
    if (index < survivors.length) result.push(survivors[index]!);
  }
  return result.length === 0 ? '' : `${result.join('\n')}\n`;
}

/** Where a run between two lines of ours (by index in base; -1 and `baseLength` are the ends) goes in the new file. */
function runPlace(place: ReadonlyMap<number, number>, previous: number, following: number, baseLength: number, nextLength: number): number {
  if (previous === -1) return 0;
  if (following === baseLength) return nextLength;
  const behind = place.get(previous);
  if (behind !== undefined) return behind + 1;
  for (let index = following; index < baseLength; index++) {
    const ahead = place.get(index);
    if (ahead !== undefined) return ahead;
  }
  return nextLength;
}

function splitLines(text: string): string[] {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

function countLines(lines: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const line of lines) counts.set(line, (counts.get(line) ?? 0) + 1);
  return counts;
}

/** The longest common subsequence, as index pairs. */
function longestCommon(a: readonly string[], b: readonly string[]): [number, number][] {
  const width = b.length + 1;
  const lengths = new Uint32Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      lengths[i * width + j] =
        a[i] === b[j]
          ? lengths[(i + 1) * width + j + 1]! + 1
          : Math.max(lengths[(i + 1) * width + j]!, lengths[i * width + j + 1]!);
    }
  }
  const pairs: [number, number][] = [];
  let i = 0;
  let j = 0;
  while (i < a.length && j < b.length) {
    if (a[i] === b[j]) pairs.push([i++, j++]);
    else if (lengths[(i + 1) * width + j]! >= lengths[i * width + j + 1]!) i++;
    else j++;
  }
  return pairs;
}
