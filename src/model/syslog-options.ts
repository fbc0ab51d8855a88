/** The options of Docker's syslog driver. The words are Docker's. */
import { invalid } from '../base/errors.ts';

type LogOptions = Readonly<Record<string, string>>;

export const SYSLOG_OPTIONS = [
  'syslog-address',
  'syslog-facility',
  'syslog-format',
  'syslog-tls-ca-cert',
  'syslog-tls-cert',
  'syslog-tls-key',
  'syslog-tls-skip-verify',
];

const FACILITIES: Readonly<Record<string, number>> = {
  kern: 0, user: 1, mail: 2, daemon: 3, auth: 4, syslog: 5, lpr: 6, news: 7, uucp: 8, cron: 9, authpriv: 10, ftp: 11,
  local0: 16, local1: 17, local2: 18, local3: 19, local4: 20, local5: 21, local6: 22, local7: 23,
}; // prettier-ignore
const PROTOCOLS = ['unix', 'unixgram', 'udp', 'tcp', 'tcp+tls'] as const;
const FORMATS = ['rfc3164', 'rfc5424', 'rfc5424micro'] as const;
const DEFAULT_PORT = 514;

export interface SyslogOptions {
  /** local: a syslog of this machine. */
  readonly protocol: 'local' | (typeof PROTOCOLS)[number];
  readonly host: string; // or the path of a socket
  readonly port: number; // 0 with a path
  readonly format: 'unix' | (typeof FORMATS)[number];
  readonly facility: number;
  readonly tls: {
    readonly caFile: string;
    readonly certificateFile: string;
    readonly keyFile: string;
    readonly skipVerify: boolean;
  };
}

/** @throws invalid */
export function parseSyslogOptions(options: LogOptions): SyslogOptions {
  const format = options['syslog-format'] ?? '';
  const known = FORMATS.find((one) => one === format);
  if (format !== '' && known === undefined) throw invalid('Invalid syslog format');
  return {
    ...parseAddress(options['syslog-address'] ?? ''),
    facility: parseFacility(options['syslog-facility'] ?? ''),
    format: known ?? 'unix',
    tls: {
      caFile: options['syslog-tls-ca-cert'] ?? '',
      certificateFile: options['syslog-tls-cert'] ?? '',
      keyFile: options['syslog-tls-key'] ?? '',
      skipVerify: options['syslog-tls-skip-verify'] !== undefined,
    },
  };
}

function parseFacility(text: string): number {
  if (text === '') return FACILITIES['daemon']!;
  if (Object.hasOwn(FACILITIES, text)) return FACILITIES[text]!;
  if (!/^\d{1,2}$/.test(text) || Number(text) > 23) throw invalid('invalid syslog facility');
  return Number(text);
}

function parseAddress(text: string): Pick<SyslogOptions, 'protocol' | 'host' | 'port'> {
  if (text === '') return { protocol: 'local', host: '', port: 0 };
  const [, scheme = '', rest = text] = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/i.exec(text) ?? [];
  const protocol = PROTOCOLS.find((one) => one === scheme.toLowerCase());
  if (protocol === undefined) throw invalid(`unsupported scheme: '${scheme}'`);
  if (protocol === 'unix' || protocol === 'unixgram') return { protocol, host: rest, port: 0 };
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:/[\]]*))(?::(\d{1,5}))?\/?$/.exec(rest) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || Number(port ?? 1) > 65_535) throw invalid(`address ${rest}: invalid host or port`);
  return { protocol, host: host === '' ? 'localhost' : host, port: port === undefined ? DEFAULT_PORT : Number(port) };
}
