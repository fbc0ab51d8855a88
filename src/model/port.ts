import { invalid } from '../base/errors.ts';

export type Protocol = 'tcp' | 'udp' | 'sctp';

/** A host side as the user asked for it: '' or '0' ports are chosen by the engine; 'a-b' is a range to choose from. */
export interface PortBinding {
  readonly hostIp: string;
  readonly hostPort: string;
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

/** Parses '80/tcp', '80' (tcp). @throws invalid */
export function parsePort(text: string): Port {
  const port = tryParsePort(text);
  if (!port) throw invalid(`invalid port: ${text}`);
  return port;
}

/** Undefined: it is no port. */
export function tryParsePort(text: string): Port | undefined {
  const match = /^(\d{1,5})(?:\/(tcp|udp|sctp))?$/i.exec(text);
  const port = Number(match?.[1]);
  if (!match || port > 65535) return undefined;
  return { port, protocol: (match[2]?.toLowerCase() ?? 'tcp') as Protocol };
}

export function formatPort(port: Port): string {
  return `${port.port}/${port.protocol}`;
}

/** tcp before udp before sctp at one number, else by number. */
export function comparePorts(a: Port, b: Port): number {
  const order: Protocol[] = ['tcp', 'udp', 'sctp'];
  return a.port - b.port || order.indexOf(a.protocol) - order.indexOf(b.protocol);
}
