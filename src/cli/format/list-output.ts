/**
 * Lists (ps, images, network ls...) in the formats that --format takes: nothing or "table" for the columns of the
 * command, "table TEMPLATE" for columns of one's own, "json" for a line of JSON each, anything else is a template.
 */
import { StatusError } from '../command/status-error.ts';
import { MethodSet } from '../../base/template/go-value.ts';
import { Template, TemplateError } from '../../base/template/template.ts';
import { shown, shownInCell } from '../terminal/output.ts';
import { layoutColumns } from './table.ts';

export type Row = Readonly<Record<string, (...args: string[]) => unknown>>;

export interface ListShape {
  /** How Go names a row's type in errors: *formatter.ContainerContext. */
  readonly type: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** What to print of `rows`, its values as the terminal shows them; throws StatusError with Docker's "template parsing error". */
export function formatList(shape: ListShape, format: string, rows: readonly Row[]): string {
  const isTable = format.startsWith('table');
  const source = format === 'json' ? '{{json .}}' : unescapeFormat(isTable ? format.slice('table'.length) : format);
  try {
    const template = new Template(source);
    const show = isTable ? shownInCell : shown;
    const lines = rows.map((row) => `${template.execute(new MethodSet(shape.type, row), { show })}\n`).join('');
    if (!isTable) return lines;
    return layoutColumns(`${headerLine(shape, source)}\n${lines}`);
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    throw new StatusError(`template parsing error: ${error.message}`);
  }
}

/** The template over the names of the columns: other names print as <no value>, functions keep the header as it is. */
function headerLine(shape: ListShape, source: string): string {
  const header: Record<string, unknown> = { ...shape.headers };
  try {
    return new Template(headerSource(source)).execute(header);
  } catch {
    return '';
  }
}

// In the header line `json .X`, `upper .X` and so on show the header itself.
function headerSource(source: string): string {
  return source
    .replace(/\{\{(-?\s*)\.Label\s+"([^"]*)"(\s*-?)\}\}/g, (_, before: string, name: string, after: string) => {
      const last = name.split('.').at(-1) ?? '';
      return `{{${before}${JSON.stringify(last.replaceAll(/[-_]/g, ' '))}${after}}}`;
    })
    .replace(
      /\{\{(-?\s*)(?:json|title|lower|upper|truncate|split|join|pad)\s+(\.\w+)[^}]*?(\s-)?\}\}/g,
      (_, before: string, field: string, after?: string) => `{{${before}${field}${after ?? ''}}}`,
    );
}

/** \t and \n written as two characters, as shells pass them. */
function unescapeFormat(format: string): string {
  return format
    .replace(/^ +| +$/g, '')
    .replaceAll('\\t', '\t')
    .replaceAll('\\n', '\n');
}

export const shortId = (id: string): string => id.replace(/^[^:]*:/, '').slice(0, 12);

export function ellipsis(text: string, width: number): string {
  const characters = Array.from(text);
  return characters.length <= width ? text : `${characters.slice(0, width - 1).join('')}…`;
}

export const joinLabels = (labels: Readonly<Record<string, string>> | null | undefined): string =>
  Object.entries(labels ?? {})
    .map(([key, value]) => `${key}=${value}`)
    .toSorted()
    .join(',');

/** Go's String() of a time in local time: 2024-05-01 12:00:00 +0200 CEST. */
export function goTime(date: Date): string {
  const pad = (value: number) => String(value).padStart(2, '0');
  const offset = -date.getTimezoneOffset();
  const sign = offset < 0 ? '-' : '+';
  const zone = `${sign}${pad(Math.trunc(Math.abs(offset) / 60))}${pad(Math.abs(offset) % 60)}`;
  const day = `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
  const time = `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`;
  return `${day} ${time} ${zone} ${zoneName(date, offset)}`;
}

function zoneName(date: Date, offsetMinutes: number): string {
  if (offsetMinutes === 0) return 'UTC';
  return (
    new Intl.DateTimeFormat('en-US', { timeZoneName: 'short' })
      .formatToParts(date)
      .find(({ type }) => type === 'timeZoneName')?.value ?? ''
  );
}
