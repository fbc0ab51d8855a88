/**
 * Edits of what a container is to publish, while it runs or not: bindings are what the user asked for and what a next
 * start goes by, published ports are what became of them.
 */
import { groupedBy } from '../../base/grouped.ts';
import { bracketed, canonicalIp } from '../../model/addresses.ts';
import {
  formatPort,
  meantBindings,
  parseBinding,
  parsePort,
  type PortBinding,
  type PortBindings,
  type PublishedPort,
} from '../../model/port.ts';
import type { WantedPort } from './port-request.ts';

/** `bindings` and those of `wanted`. */
export function withBindings(bindings: PortBindings, wanted: readonly WantedPort[]): PortBindings {
  const next: Record<string, readonly PortBinding[]> = { ...bindings };
  for (const { port, bindings: more } of wanted) {
    const present = next[formatPort(port)];
    next[formatPort(port)] = [...(present ? meantBindings(present) : []), ...more];
  }
  return next;
}

/** The wanted ones that are in `bindings` already, literally and with a host port, as '8080:80/tcp'. */
export function repeatedBindings(bindings: PortBindings, wanted: readonly WantedPort[]): string[] {
  return wanted.flatMap(({ port, bindings: more }) =>
    more
      .filter(
        (one) =>
          parseBinding(one).first !== 0 && (bindings[formatPort(port)] ?? []).some((other) => sameBinding(one, other)),
      )
      .map((one) => describeNamed(port, one)),
  );
}

/**
 * What is meant by container ports and host sides ('' = any) of published ports in a user's request.
 * `missing`: what names none, as '8080:80/tcp'.
 */
export function namedPublished(
  published: readonly PublishedPort[],
  named: readonly WantedPort[],
): { found: PublishedPort[]; missing: string[] } {
  const byPort = groupByPort(published);
  const found = new Set<PublishedPort>();
  const missing: string[] = [];
  for (const { port, bindings } of named) {
    for (const binding of bindings) {
      const matching = (byPort.get(formatPort(port)) ?? []).filter((candidate) => covers(binding, candidate));
      for (const one of matching) found.add(one);
      if (matching.length === 0) missing.push(describeNamed(port, binding));
    }
  }
  return { found: [...found], missing };
}

/** The same among bindings that are not in effect: those that stay, and what names none. */
export function withoutBindings(
  bindings: PortBindings,
  named: readonly WantedPort[],
): { bindings: PortBindings; missing: string[] } {
  const next: Record<string, readonly PortBinding[]> = { ...bindings };
  const missing: string[] = [];
  for (const { port, bindings: gone } of named) {
    const key = formatPort(port);
    for (const one of gone) {
      const before = next[key] ? meantBindings(next[key]) : [];
      const rest = before.filter((other) => !means(one, other));
      if (rest.length === before.length) missing.push(describeNamed(port, one));
      next[key] = rest;
    }
    if (next[key]?.length === 0) delete next[key];
  }
  return { bindings: next, missing };
}

/**
 * The bindings without those that denote removed ports. One that denotes several addresses, of which some stay
 * published, is replaced by one for each of these.
 */
export function withoutPublished(
  bindings: PortBindings,
  removed: readonly PublishedPort[],
  kept: readonly PublishedPort[],
): PortBindings {
  const gone = groupByPort(removed);
  const staying = groupByPort(kept);
  const next: Record<string, readonly PortBinding[]> = { ...bindings };
  for (const [key, removedHere] of gone) {
    const list = bindings[key];
    if (!list) continue; // chosen by -P, which names no host side
    const rest = withoutPublishedOf(meantBindings(list), removedHere, staying.get(key) ?? []);
    if (rest.length === 0) delete next[key];
    else next[key] = rest;
  }
  return next;
}

function withoutPublishedOf(
  list: readonly PortBinding[],
  removed: readonly PublishedPort[],
  kept: readonly PublishedPort[],
): PortBinding[] {
  const free = new Set([...removed, ...kept]);
  const isGone = new Set(removed);
  const become = new Map<PortBinding, PortBinding[]>();
  // What can only mean one port is given its own first.
  for (const binding of list.toSorted((a, b) => vagueness(a) - vagueness(b))) {
    const first = [...free].find((port) => covers(binding, port));
    const own = first ? [...free].filter((port) => port.hostPort === first.hostPort && covers(binding, port)) : [];
    for (const port of own) free.delete(port);
    const stay = own.filter((port) => !isGone.has(port));
    const whole = stay.length === own.length;
    become.set(binding, whole ? [binding] : stay.map(({ hostIp }) => ({ hostIp, hostPort: binding.hostPort })));
  }
  return list.flatMap((binding) => become.get(binding) ?? []);
}

function vagueness(binding: PortBinding): number {
  const { first, last } = parseBinding(binding);
  return (binding.hostIp === '' ? 1 : 0) + (first === 0 ? 4 : first === last ? 0 : 2);
}

/** Whether a binding may denote a published port; '' and 0 match all. */
function covers(binding: PortBinding, port: PublishedPort): boolean {
  const { hostIp, first, last } = parseBinding(binding);
  if (hostIp !== '' && hostIp !== canonicalIp(port.hostIp)) return false;
  return first === 0 || (port.hostPort >= first && port.hostPort <= last);
}

/** Whether what a user names is this binding. */
function means(named: PortBinding, binding: PortBinding): boolean {
  const one = parseBinding(named);
  const other = parseBinding(binding);
  return (
    (one.hostIp === '' || one.hostIp === other.hostIp) &&
    (one.first === 0 || (one.first === other.first && one.last === other.last))
  );
}

function sameBinding(a: PortBinding, b: PortBinding): boolean {
  const [one, other] = [parseBinding(a), parseBinding(b)];
  return one.hostIp === other.hostIp && one.first === other.first && one.last === other.last;
}

function describeNamed(port: Parameters<typeof formatPort>[0], { hostIp, hostPort }: PortBinding): string {
  const ip = bracketed(hostIp);
  return [...(ip === '' ? [] : [ip]), ...(ip === '' && hostPort === '' ? [] : [hostPort]), formatPort(port)].join(':');
}

function groupByPort(ports: readonly PublishedPort[]): Map<string, PublishedPort[]> {
  return groupedBy(ports, formatPort);
}

/** One list from bindings as the API has them; throws `invalid` for what does not parse or names no host side. */
export function parseBindings(bindings: PortBindings): WantedPort[] {
  return Object.entries(bindings).map(([text, list]) => {
    for (const one of list) parseBinding(one);
    return { port: parsePort(text), bindings: list };
  });
}
