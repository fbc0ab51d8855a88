/** HEALTHCHECK: its times, its tries, its command. */
import { parseHealthDuration, parseHealthRetries } from '../../model/health-options.ts';
import type { Healthcheck } from '../../model/health.ts';
import { FlagValues } from './flag-values.ts';
import { jsonForm } from './json-form.ts';
import { wrong } from './source-error.ts';
import type { SourceInstruction } from './source-instruction.ts';

const FLAGS = {
  interval: 'text',
  timeout: 'text',
  'start-period': 'text',
  'start-interval': 'text',
  retries: 'text',
} as const;

export function readHealthcheck({ flags, rest }: SourceInstruction): Healthcheck {
  const values = new FlagValues<keyof typeof FLAGS>(flags, FLAGS);
  if (rest === '') throw wrong('HEALTHCHECK requires at least one argument');
  const [, type = '', command = ''] = /^(\S+)\s*(.*)$/s.exec(rest) ?? [];
  const time = (name: keyof typeof FLAGS): number => {
    const text = values.text(name);
    return text === '' ? 0 : parseHealthDuration(name, text);
  };
  const list = jsonForm(command);
  const words = list ?? (command === '' ? [] : [command]);
  const kind = type.toUpperCase();
  if (kind === 'NONE') {
    if (words.length > 0) throw wrong('HEALTHCHECK NONE takes no arguments');
    return { test: ['NONE'], intervalNs: 0, timeoutNs: 0, startPeriodNs: 0, startIntervalNs: 0, retries: 0 };
  }
  if (kind !== 'CMD') throw wrong(`Unknown type ${JSON.stringify(kind)} in HEALTHCHECK (try CMD)`);
  if (words.length === 0) throw wrong('Missing command after HEALTHCHECK CMD');
  return {
    test: [list ? 'CMD' : 'CMD-SHELL', ...words],
    intervalNs: time('interval'),
    timeoutNs: time('timeout'),
    startPeriodNs: time('start-period'),
    startIntervalNs: time('start-interval'),
    retries: values.text('retries') === '' ? 0 : parseHealthRetries(values.text('retries')),
  };
}
