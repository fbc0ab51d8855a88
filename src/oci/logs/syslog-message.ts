/** Messages of syslog, in the forms that Docker's driver has: each ends in a newline. */
import type { ForwardedPiece } from './forwarder.ts';

export interface SyslogForm {
  /** unix: as local programs write it; the others by the RFC, `micro` with microseconds. */
  readonly format: 'unix' | 'rfc3164' | 'rfc5424' | 'rfc5424micro';
  /** RFC 5425: the length comes before each message. */
  readonly counted: boolean;
  readonly facility: number; // 0 to 23
  readonly hostname: string;
  readonly tag: string;
  readonly pid: number;
}

const [ERROR, INFORMATION] = [3, 6];
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

export function syslogMessage(form: SyslogForm, { text, stderr, time }: ForwardedPiece): Buffer {
  const priority = form.facility * 8 + (stderr ? ERROR : INFORMATION);
  const head = Buffer.from(`<${priority}>${headOf(form, time)}`);
  const message = Buffer.concat([head, text, Buffer.from('\n')]);
  return form.counted ? Buffer.concat([Buffer.from(`${message.length} `), message]) : message;
}

function headOf({ format, hostname, tag, pid }: SyslogForm, time: string): string {
  if (format === 'unix') return `${stamp(time)} ${tag}[${pid}]: `;
  if (format === 'rfc3164') return `${stamp(time)} ${hostname} ${tag}[${pid}]: `;
  const micro = format === 'rfc5424micro' ? time.slice(19, 26) : '';
  const zone = time.slice(29) === '+00:00' ? 'Z' : time.slice(29);
  return `1 ${time.slice(0, 19)}${micro}${zone} ${hostname} ${tag} ${pid} ${tag} - `;
}

/** '2024-05-01T10:00:00.123456789+02:00' -> 'May  1 10:00:00': the time of the place. */
function stamp(time: string): string {
  const month = MONTHS[Number(time.slice(5, 7)) - 1] ?? 'Jan';
  return `${month} ${String(Number(time.slice(8, 10))).padStart(2, ' ')} ${time.slice(11, 19)}`;
}
