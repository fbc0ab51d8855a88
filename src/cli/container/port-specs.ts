/** -p and --expose in Docker's notation: [ip:][hostPort[-hostPort]]:containerPort[-containerPort][/protocol] */
import { ipVersion } from '../../model/addresses.ts';
import { parsePortRange } from '../../model/port.ts';
import type { PortBindingJson } from '../../wire/container-inspect.ts';

/** Ports by "80/tcp". */
export type PortBindings = Record<string, PortBindingJson[]>;

export function parsePublish(specs: readonly string[]): PortBindings {
  const bindings: PortBindings = {};
  for (const spec of specs) {
    for (const { port, binding } of parseSpec(spec.includes('=') ? longToShort(spec) : spec))
      (bindings[port] ??= []).push(binding);
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

function parseSpec(raw: string): { port: string; binding: PortBindingJson }[] {
  const parts = raw.split(':');
  const last = parts.pop() ?? '';
  const hostPort = parts.pop() ?? '';
  let ip = parts.join(':');
  const [container, protocol] = splitProtocol(last);
  if (ip.startsWith('[')) {
    if (!ip.endsWith(']')) throw new Error(`invalid IP address ${ip}: address ${ip}:: missing ']' in address`);
    ip = ip.slice(1, -1);
  }
  if (ip !== '' && ipVersion(ip) === 0) throw new Error(`invalid IP address: ${ip}`);
  if (container === '') throw new Error(`no port specified: ${raw}<empty>`);
  const inside = parsePortRange(container);
  if (!inside) throw new Error(`invalid containerPort: ${container}`);
  const outside = hostPort === '' ? undefined : parsePortRange(hostPort);
  if (hostPort !== '' && !outside) throw new Error(`invalid hostPort: ${hostPort}`);
  const size = inside.last - inside.first;
  // A range on the host for one port inside: any one of them will do.
  const choice = outside !== undefined && size === 0 && outside.last > outside.first;
  if (outside && !choice && outside.last - outside.first !== size) {
    throw new Error(`invalid ranges specified for container and host Ports: ${container} and ${hostPort}`);
  }
  if (!['tcp', 'udp', 'sctp'].includes(protocol.toLowerCase())) throw new Error(`invalid proto: ${protocol}`);
  return Array.from({ length: size + 1 }, (_, offset) => ({
    port: `${inside.first + offset}/${protocol.toLowerCase()}`,
    binding: {
      HostIp: ip,
      HostPort: !outside ? '' : choice ? `${outside.first}-${outside.last}` : String(outside.first + offset),
    },
  }));
}

export function parseExpose(specs: readonly string[]): string[] {
  return specs.flatMap((spec) => {
    if (spec.includes(':')) throw new Error(`invalid port format for --expose: ${spec}`);
    const [ports, protocol] = splitProtocol(spec);
    const range = parsePortRange(ports);
    if (!range) throw new Error(`invalid range format for --expose: ${spec}, error: ${rangeComplaint(ports)}`);
    return Array.from({ length: range.last - range.first + 1 }, (_, offset) => `${range.first + offset}/${protocol}`);
  });
}

function splitProtocol(text: string): [ports: string, protocol: string] {
  const [ports = '', protocol = ''] = text.split('/');
  return ports === '' ? ['', ''] : [ports, protocol === '' ? 'tcp' : protocol];
}

/** What is wrong with a range, in Go's words. */
function rangeComplaint(text: string): string {
  if (text === '') return 'empty string specified for ports';
  const dash = text.indexOf('-');
  const numbers = dash < 0 ? [text] : [text.slice(0, dash), text.slice(dash + 1)];
  for (const number of numbers) {
    if (!/^\d+$/.test(number)) return `strconv.ParseUint: parsing ${JSON.stringify(number)}: invalid syntax`;
    if (Number(number) > 65535) return `strconv.ParseUint: parsing ${JSON.stringify(number)}: value out of range`;
  }
  return `invalid range specified for port: ${text}`;
}
