/** The table as --help prints it. */
import { wrapText } from '../../base/wrapped-text.ts';
import type { DaemonOption, Kind } from './option.ts';
import { DAEMON_OPTIONS } from './table.ts';

const TYPES: Readonly<Record<Kind, string>> = {
  text: ' string',
  list: ' list',
  addresses: ' list',
  'address-list': ' list',
  switch: '',
  number: ' int',
  size: ' bytes',
  pairs: ' map',
  switches: ' map',
  pools: ' pool-options',
  'network-options': ' mapmap',
  ulimits: ' ulimit',
  runtimes: ' runtime',
  object: ' string',
};

const WIDTH = 80;

const STATUS_TEXT = { done: '', 'no effect': ' (accepted, has no effect)', refused: ' (refused)' } as const;

function line({ help, fallback, status }: DaemonOption): string {
  const known = fallback === '' || fallback === 'false' ? '' : ` (default ${fallback})`;
  return `${help}${known}${STATUS_TEXT[status]}`;
}

export function daemonHelp(): string {
  const rows = DAEMON_OPTIONS.filter(({ flag, hidden }) => flag !== '' && !hidden)
    .sort((a, b) => (a.flag < b.flag ? -1 : 1))
    .map((option) => {
      const { flag, short, kind } = option;
      return [`${short ? `-${short}, ` : '    '}--${flag}${TYPES[kind]}`, line(option)] as const;
    });
  const width = Math.max(...rows.map(([left]) => left.length)) + 3;
  return [
    '',
    'Usage:  causeway daemon [OPTIONS]',
    '',
    'The container engine: serves the Docker Engine API',
    '',
    'Options:',
    ...rows.map(([left, right]) => `  ${left.padEnd(width)}${wrapText(right, width + 2, WIDTH)}`),
    '',
  ].join('\n');
}
