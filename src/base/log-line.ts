import { escapeControls } from './control-characters.ts';

/** As dockerd calls them. */
export type LineLevel = 'debug' | 'info' | 'warning' | 'error';

/** One line of a log as dockerd's text format has it: time="…" level=info msg="…" host="tcp://…" */
export function logLine(time: Date, level: LineLevel, message: string, fields: object): string {
  const shown = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ` ${name.replace(/[^\w.-]/g, '_')}=${quoted(textOf(value))}`);
  return `time="${time.toISOString()}" level=${level} msg=${quoted(message)}${shown.join('')}\n`;
}

export function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (value instanceof Error) return value.message;
  return JSON.stringify(value, (_name, inner: unknown) => (typeof inner === 'bigint' ? String(inner) : inner)) ?? '';
}

/** Plain words stay as they are; nothing that a container or a client is called can begin a line. */
function quoted(text: string): string {
  if (/^[\w./@^+-]+$/.test(text)) return text;
  return escapeControls(JSON.stringify(text));
}
