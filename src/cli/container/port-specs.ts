/** -p and --expose in Docker's notation: [ip:][hostPort[-hostPort]]:containerPort[-containerPort][/protocol] */
import { isIP } from 'node:net';

export interface PortBinding {
  readonly HostIp: string;
  readonly HostPort: string;
}

/** Ports by "80/tcp". */
export type PortBindings = Record<string, PortBinding[]>;

export function parsePublish(specs: readonly string[]): PortBindings {
  const bindings: PortBindings = {};
  for (const spec of specs) {
    for (const { port, binding } of parseSpec(spec.includes('=') ? longToShort(spec) : spec)) (bindings[port] ??= []).push(binding);
  }
  return bindings;
}

/** published=8080,target=80,protocol=udp */
function longToShort(spec: string): string {
  const fields: Record<string, string> = { protocol: 'tcp' };
  for (const field of spec.split(',')) {
    const equals = field.indexOf('=');
    if (equals <= 0) throw new Error(`invalid publish opts format (should be name=value but got '${field}')`);
    fields[field.slice(0, equals)] = field.slice(equals + 1);
  }
  return `${fields['published'] ?? ''}:${fields['target'] ?? ''}/${fields['protocol']}`;
}

function parseSpec(raw: string): { port: string; binding: PortBinding }[] {
  const parts = raw.split(':');
  const last = parts.pop() ?? '';
  const hostPort = parts.pop() ?? '';
  let ip = parts.join(':');
  const [container, protocol] = splitProtocol(last);
  if (ip.startsWith('[')) {
    if (!ip.endsWith(']')) throw new Error(`invalid IP address ${ip}: address ${ip}:: missing ']' in address`);
    ip = ip.slice(1, -1);
  }
  if (ip !== '' && isIP(ip) === 0) throw new Error(`invalid IP address: ${ip}`);
  if (container === '') throw new Error(`no port specified: ${raw}<empty>`);
  const inside = tryRange(container);
  if (!inside) throw new Error(`invalid containerPort: ${container}`);
  const outside = hostPort === '' ? undefined : tryRange(hostPort);
  if (hostPort !== '' && !outside) throw new Error(`invalid hostPort: ${hostPort}`);
  const size = inside[1] - inside[0];
  // A range on the host for one port inside: any one of them will do.
  const choice = outside !== undefined && size === 0 && outside[1] > outside[0];
  if (outside && !choice && outside[1] - outside[0] !== size) {
    throw new Error(`invalid ranges specified for container and host Ports: ${container} and ${hostPort}`);
  }
  if (!['tcp', 'udp', 'sctp'].includes(protocol.toLowerCase())) throw new Error(`invalid proto: ${protocol}`);
  return Array.from({ length: size + 1 }, (_, offset) => ({
    port: `${inside[0] + offset}/${protocol.toLowerCase()}`,
    binding: { HostIp: ip, HostPort: !outside ? '' : choice ? `${outside[0]}-${outside[1]}` : String(outside[0] + offset) },
  }));
}

export function parseExpose(specs: readonly string[]): string[] {
  return specs.flatMap((spec) => {
    if (spec.includes(':')) throw new Error(`invalid port format for --expose: ${spec}`);
    const [ports, protocol] = splitProtocol(spec);
    let range: [number, number];
    try {
      range = parsePortRange(ports);
    } catch (error) {
      throw new Error(`invalid range format for --expose: ${spec}, error: ${(error as Error).message}`);
    }
    return Array.from({ length: range[1] - range[0] + 1 }, (_, offset) => `${range[0] + offset}/${protocol}`);
  });
}

function splitProtocol(text: string): [ports: string, protocol: string] {
  const [ports = '', protocol = ''] = text.split('/');
  return ports === '' ? ['', ''] : [ports, protocol === '' ? 'tcp' : protocol];
}

function tryRange(text: string): [number, number] | undefined {
  try {
    return parsePortRange(text);
  } catch {
    return undefined;
  }
}

function parsePortRange(text: string): [number, number] {
  if (text === '') throw new Error('empty string specified for ports');
  const dash = text.indexOf('-');
  const first = parsePort(dash < 0 ? text : text.slice(0, dash));
  const last = dash < 0 ? first : parsePort(text.slice(dash + 1));
  if (last < first) throw new Error(`invalid range specified for port: ${text}`);
  return [first, last];
}

function parsePort(text: string): number {
  if (!/^\d+$/.test(text)) throw new Error(`strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`);
  if (Number(text) > 65535) throw new Error(`strconv.ParseUint: parsing ${JSON.stringify(text)}: value out of range`);
  return Number(text);
}
