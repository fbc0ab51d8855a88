import { invalid } from '../base/errors.ts';
import { canonicalIp, ipVersion } from './addresses.ts';

export type Protocol = 'tcp' | 'udp' | 'sctp';

/** A host side as the user asked for it: '' or '0' ports are chosen by the engine; 'a-b' is a range to choose from. */
export interface PortBinding {
  readonly hostIp: string;
  readonly hostPort: string;
}

/** By '80/tcp'. */
export type PortBindings = Readonly<Record<string, readonly PortBinding[]>>;

/**
 * What the list of a port stands for. One without bindings, which only older records have, is published on a port that
 * is chosen.
 */
export function meantBindings(list: readonly PortBinding[]): readonly PortBinding[] {
  return list.length > 0 ? list : [{ hostIp: '', hostPort: '' }];
}

/** A container's port. */
export interface Port {
  readonly port: number;
  readonly protocol: Protocol;
}

/** A port as published: what the firewall maps and `docker port` shows. One per host address. */
export interface PublishedPort extends Port {
  readonly hostIp: string; // '0.0.0.0', '::' or one address
  readonly hostPort: number;
}

/** The host's side of it: what is held, and what a client comes to. */
export type HostPort = Pick<PublishedPort, 'protocol' | 'hostIp' | 'hostPort'>;

/** Equal for what is published alike. */
export function publishedKey(port: PublishedPort): string {
  return `${port.protocol} ${port.hostIp} ${port.hostPort} ${port.port}`;
}

/** Parses '80/tcp', '80' (tcp). @throws invalid */
export function parsePort(text: string): Port {
  const port = tryParsePort(text);
  if (!port) throw invalid(`invalid port: ${text}`);
  return port;
}

/** Undefined: not a port. */
export function tryParsePort(text: string): Port | undefined {
  const match = /^(\d{1,5})(?:\/(tcp|udp|sctp))?$/i.exec(text);
  const port = Number(match?.[1]);
  if (!match || port > 65535) return undefined;
  return { port, protocol: (match[2]?.toLowerCase() ?? 'tcp') as Protocol };
}

/** The port of a binding. @throws invalid in Docker's words */
export function parseBoundPort(text: string): Port {
  const port = tryParsePort(text);
  if (port) return port;
  const number = text.split('/')[0]!;
  throw invalid(
    parsePortRange(number) ? `invalid port: ${text}` : `invalid port specification: ${JSON.stringify(number)}`,
  );
}

/** '8080' or '8000-8010', each up to 65535; undefined for anything else. */
export function parsePortRange(text: string): { readonly first: number; readonly last: number } | undefined {
  const match = /^(\d+)(?:-(\d+))?$/.exec(text);
  const first = Number(match?.[1]);
  const last = Number(match?.[2] ?? first);
  return match && last <= 65535 && first <= last ? { first, last } : undefined;
}

/** The host side of a binding; port 0 is one that is chosen. Throws `invalid` in Docker's words. */
export function parseBinding({ hostIp, hostPort }: PortBinding): {
  readonly hostIp: string;
  readonly first: number;
  readonly last: number;
} {
  if (hostIp !== '' && ipVersion(hostIp) === 0) throw invalid(`invalid IP address: ${hostIp}`);
  const range = hostPort === '' ? { first: 0, last: 0 } : parsePortRange(hostPort);
  if (!range || (range.first === 0 && range.last !== 0))
    throw invalid(`invalid port specification: ${JSON.stringify(hostPort)}`);
  return { hostIp: hostIp === '' ? '' : canonicalIp(hostIp), ...range };
}

export function formatPort(port: Port): string {
  return `${port.port}/${port.protocol}`;
}

/** tcp before udp before sctp at one number, else by number. */
export function comparePorts(a: Port, b: Port): number {
  const order: Protocol[] = ['tcp', 'udp', 'sctp'];
  return a.port - b.port || order.indexOf(a.protocol) - order.indexOf(b.protocol);
}
