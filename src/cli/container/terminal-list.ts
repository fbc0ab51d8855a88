/**
 * The table of `ps` on a terminal: where it would be wider than the screen, a port that is published at every address
 * of both families is shown once (`*:80->80/tcp`); the status has a colour. Elsewhere the table is Docker's.
 */
import type { PortJson } from '../../wire/container-summary.ts';
import { paint, type Color } from '../../base/colors.ts';

/** Each pair of 0.0.0.0 and [::] that is the same otherwise as one of `*`. */
export function mergeFamilies(ports: readonly PortJson[]): PortJson[] {
  const key = ({ PrivatePort, PublicPort, Type }: PortJson) => `${PrivatePort} ${PublicPort} ${Type}`;
  const at = (ip: string) => new Set(ports.filter(({ IP }) => IP === ip).map(key));
  const [inIPv4, inIPv6] = [at('0.0.0.0'), at('::')];
  return ports.flatMap((port) => {
    if (!inIPv4.has(key(port)) || !inIPv6.has(key(port))) return [port];
    return port.IP === '::' ? [] : port.IP === '0.0.0.0' ? [{ ...port, IP: '*' }] : [port];
  });
}

export const widest = (text: string): number => Math.max(...text.split('\n').map((line) => Array.from(line).length));

/** The status column of a table in colour: running, on its way, ended badly. */
export function paintStatus(table: string): string {
  const [header = '', ...lines] = table.split('\n');
  const from = header.indexOf('STATUS');
  const to = header.indexOf('PORTS');
  if (from < 0 || to < from) return table;
  return [header, ...lines.map((line) => paintCells(line, from, to))].join('\n');
}

function paintCells(line: string, from: number, to: number): string {
  const characters = Array.from(line);
  const cell = characters.slice(from, to).join('');
  const status = cell.trimEnd();
  const color = colorOf(status);
  if (!color) return line;
  const painted = paint(status, color) + cell.slice(status.length);
  return characters.slice(0, from).join('') + painted + characters.slice(to).join('');
}

function colorOf(status: string): Color | undefined {
  if (/\(unhealthy\)|^Dead/.test(status)) return 'red';
  if (/\(Paused\)|^Restarting|\(health: starting\)/.test(status)) return 'yellow';
  if (status.startsWith('Up ')) return 'green';
  return /^Exited \((?!0\))/.test(status) ? 'red' : undefined;
}
