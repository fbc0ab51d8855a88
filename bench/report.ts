/** The result: medians, ratios and goals, as a table and as JSON. */
import type { EngineName } from './engines.ts';
import type { Row } from './rows.ts';

export interface Sample {
  readonly values: readonly number[];
  /** Why there is no value. */
  readonly error?: string;
}

export interface RowResult {
  readonly row: Row;
  readonly samples: Readonly<Partial<Record<EngineName, Sample>>>;
  /** Causeway against dockerd; absent where one of them has no value. */
  readonly ratio?: number;
  /** Absent where there is no goal, or nothing to compare with. */
  readonly met?: boolean;
  /** The goal is missed by less than the values of one engine differ among themselves: nobody could tell. */
  readonly even?: boolean;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return sorted.length % 2 === 1 ? sorted[Math.floor(middle)]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

export function judge(row: Row, samples: RowResult['samples']): RowResult {
  const ours = valueOf(samples.causeway);
  const theirs = valueOf(samples.dockerd);
  const ratio = ours === undefined || theirs === undefined || theirs === 0 ? undefined : ours / theirs;
  const { goal } = row;
  const reached = goal && 'value' in goal ? ours : ratio;
  const wanted = goal && ('value' in goal ? goal.value : goal.ratio);
  // A goal whose row could not be measured on our side is not reached.
  if (goal !== undefined && samples.causeway?.error !== undefined) return { row, samples, met: false };
  if (reached === undefined || wanted === undefined) return { row, samples, ...(ratio === undefined ? {} : { ratio }) };
  const met = row.better === 'lower' ? reached <= wanted : reached >= wanted;
  const even =
    !met &&
    Math.abs(reached / wanted - 1) <=
      Math.max(spread(samples.causeway), 'ratio' in goal! ? spread(samples.dockerd) : 0);
  return { row, samples, ...(ratio === undefined ? {} : { ratio }), met: met || even, even };
}

/** How far the values are from their median, in the middle, as a part of it. */
function spread(sample: Sample | undefined): number {
  if (sample === undefined || sample.values.length < 3) return 0;
  const middle = median(sample.values);
  return median(sample.values.map((value) => Math.abs(value - middle))) / middle;
}

function valueOf(sample: Sample | undefined): number | undefined {
  return sample === undefined || sample.values.length === 0 ? undefined : median(sample.values);
}

export function table(results: readonly RowResult[], engines: readonly EngineName[]): string {
  const head = ['', ...engines, 'ratio', 'goal', ''];
  const body = results.map((result) => [
    result.row.title,
    ...engines.map((engine) => cell(result.row, result.samples[engine])),
    result.ratio === undefined ? '' : result.ratio.toFixed(2),
    goalText(result.row),
    result.met === undefined ? '' : result.even === true ? 'even' : result.met ? 'ok' : 'SHORT',
  ]);
  const rows = [head, ...body];
  const widths = head.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const line = (row: readonly string[]): string =>
    row
      .map((text, column) =>
        column === 0 || column === head.length - 1 ? text.padEnd(widths[column]!) : text.padStart(widths[column]!),
      )
      .join('   ')
      .trimEnd();
  const errors = results.flatMap((result) =>
    engines.flatMap((engine) => {
      const error = result.samples[engine]?.error;
      return error === undefined ? [] : [`  ${result.row.name} on ${engine}: ${error}`];
    }),
  );
  const even = results.some((result) => result.even === true)
    ? ['', 'even: apart from the goal by less than the runs of one engine differ among themselves.']
    : [];
  return [line(head), ...body.map(line), ...even, ...(errors.length > 0 ? ['', 'Not measured:', ...errors] : [])].join(
    '\n',
  );
}

const BEGIN = '<!-- bench: what is between these two lines is written by npm run bench -- --doc -->';
const END = '<!-- /bench -->';

/** `page` with the results in place of those that it has. @throws Error where it has no place for them */
export function inPage(
  page: string,
  results: readonly RowResult[],
  engines: readonly EngineName[],
  facts: string,
): string {
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`the page has no lines ${BEGIN} and ${END}`);
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const body = results.map((result) =>
    line([
      result.row.title,
      ...engines.map((engine) => cell(result.row, result.samples[engine])),
      result.ratio === undefined ? '-' : result.ratio.toFixed(2),
      goalText(result.row).replace('<=', '≤').replace('>=', '≥') || '-',
    ]),
  );
  const head = ['row', ...engines, 'ratio', 'goal'];
  const table = [line(head), line(head.map(() => '---')), ...body].join('\n');
  return `${page.slice(0, begin)}${BEGIN}\n${facts}\n\n${table}\n${page.slice(end)}`;
}

function cell(row: Row, sample: Sample | undefined): string {
  const value = valueOf(sample);
  if (value === undefined) return '-';
  return `${formatNumber(value)} ${row.unit}`;
}

function formatNumber(value: number): string {
  if (value >= 10_000) return Math.round(value).toLocaleString('en').replaceAll(',', ' ');
  if (value >= 100) return value.toFixed(0);
  if (value >= 10) return value.toFixed(1);
  return value >= 1 ? value.toFixed(2) : value.toFixed(3);
}

function goalText({ goal, better, unit }: Row): string {
  if (goal === undefined) return '';
  const sign = better === 'lower' ? '<=' : '>=';
  return 'value' in goal ? `${sign} ${goal.value} ${unit}` : `${sign} ${goal.ratio.toFixed(2)}`;
}

/** The results that `asJson` has written, judged by what is asked of their rows now; rows that are gone are left out. */
export function fromJson(text: string, rows: readonly Row[]): RowResult[] {
  const written = JSON.parse(text) as { rows: { name: string; engines: RowResult['samples'] }[] };
  return written.rows.flatMap(({ name, engines }) => {
    const row = rows.find((one) => one.name === name);
    return row ? [judge(row, engines)] : [];
  });
}

export function asJson(results: readonly RowResult[], facts: object): string {
  const rows = results.map(({ row, samples, ratio, met, even }) => ({
    ...row,
    engines: Object.fromEntries(
      Object.entries(samples).map(([engine, sample]) => [engine, { median: valueOf(sample) ?? null, ...sample }]),
    ),
    ratio: ratio ?? null,
    met: met ?? null,
    even: even ?? null,
  }));
  return `${JSON.stringify({ ...facts, rows }, null, 2)}\n`;
}
