/**
 * Shows a stream of progress messages (pull, push, load, import) as Docker does: on a terminal one line for each layer,
 * rewritten in place, elsewhere one line for each thing that happened.
 */
import type { Readable } from 'node:stream';
import { visibleText } from '../../base/control-characters.ts';
import { StatusError } from '../command/status-error.ts';
import { humanDuration } from '../format/duration.ts';
import { formatSignificant, humanSize } from '../format/size.ts';
import { shown, writeAll } from './output.ts';
import { isTerminal, openTerminal } from './terminal-device.ts';

export interface Message {
  readonly stream?: string;
  readonly status?: string;
  readonly id?: string;
  readonly progressDetail?: {
    current?: number;
    total?: number;
    start?: number;
    units?: string;
    hidecounts?: boolean;
  } | null;
  readonly progress?: string;
  readonly errorDetail?: { code?: number; message?: string };
  readonly error?: string;
  readonly aux?: unknown;
}

/** The command of an exec, in an event, is a few million characters long at most. */
const MAX_LINE = 64 * 1024 * 1024;

/** The lines of a stream of JSON values, one value a line. */
export async function* jsonLines(stream: Readable): AsyncGenerator<string> {
  // A line in pieces is put together once: each piece added to what there is would be copied again and again.
  let pieces: string[] = [];
  let length = 0;
  const decoder = new TextDecoder();
  for await (const chunk of stream) {
    const lines = decoder.decode(chunk as Buffer, { stream: true }).split('\n');
    const last = lines.pop() ?? '';
    if (lines.length > 0) {
      lines[0] = [...pieces, lines[0]].join('');
      pieces = [];
      length = 0;
      yield* lines.filter((line) => line.trim() !== '');
    }
    pieces.push(last);
    length += last.length;
    if (length > MAX_LINE) throw new StatusError(`the daemon sends a line that is longer than ${MAX_LINE} characters`);
  }
  const rest = pieces.join('');
  if (rest.trim() !== '') yield rest;
}

export async function* jsonValues<T>(stream: Readable): AsyncGenerator<T> {
  for await (const line of jsonLines(stream)) yield JSON.parse(line) as T;
}

/** Rejects with the error that the stream reports. */
export async function showProgress(
  stream: Readable,
  options: { fd?: 1 | 2; quiet?: boolean; onAux?: (aux: unknown) => void } = {},
): Promise<void> {
  const fd = options.fd ?? 1;
  const write = options.quiet ? () => {} : (text: string) => writeAll(fd, text);
  await readProgress(stream, progressLines(fd, isTerminal(fd), write, false), options.onAux);
}

/**
 * Gives each message that is no error and nothing for programs to `show`. Rejects with the error that the stream
 * reports; `coded`: its code is what the command ends with.
 */
export async function readProgress(
  stream: Readable,
  show: (message: Message) => void,
  onAux?: (aux: unknown) => void,
  coded = false,
): Promise<void> {
  let failure: StatusError | undefined;
  for await (const message of jsonValues<Message>(stream)) {
    const { aux, error, errorDetail } = message;
    if (aux !== undefined && aux !== null) onAux?.(aux);
    else if (error !== undefined || errorDetail?.message !== undefined)
      failure ??= new StatusError(
        visibleText(errorDetail?.message ?? error ?? ''),
        coded ? Number(errorDetail?.code) || 1 : 1,
      );
    else show(message);
  }
  if (failure) throw failure;
}

/** `raw`: what a program wrote (`stream`) is passed on as it is. */
export function progressLines(
  fd: 1 | 2,
  terminal: boolean,
  write: (text: string) => void,
  raw: boolean,
): (message: Message) => void {
  const lines = new Map<string, number>();
  return (received) => {
    const message = asShown(received, fd);
    if (raw && typeof received.stream === 'string') Object.assign(message, { stream: received.stream });
    const progress = progressText(message, fd);
    const hasLine =
      message.id !== undefined && message.id !== '' && (message.progressDetail != null || message.progress);
    let up = 0;
    if (message.id && hasLine) {
      const line = lines.get(message.id);
      if (line === undefined) {
        lines.set(message.id, lines.size);
        if (terminal) write('\n');
      }
      up = lines.size - (lines.get(message.id) ?? 0);
      if (terminal && up > 0) write(`\x1b[${up}A`);
    } else lines.clear();
    write(renderLine(message, progress, terminal));
    if (message.id && hasLine && terminal && up > 0) write(`\x1b[${up}B`);
  };
}

/** A registry chose some of it: what Docker words itself is spelled out for pipes too, which often end on a terminal. */
function asShown({ id, status, stream, progress, progressDetail, ...rest }: Message, fd: 1 | 2): Message {
  const show = (text: unknown) => shown(String(text), fd);
  return {
    ...rest,
    ...(id != null && { id: visibleText(String(id)) }),
    ...(status != null && { status: visibleText(String(status)) }),
    ...(stream != null && { stream: show(stream) }),
    ...(progress != null && { progress: show(progress) }),
    ...(progressDetail && {
      progressDetail: { ...progressDetail, ...(progressDetail.units != null && { units: show(progressDetail.units) }) },
    }),
  };
}

function renderLine(message: Message, progress: string, terminal: boolean): string {
  const id = message.id ? `${message.id}: ` : '';
  const { stream, progressDetail } = message;
  const status = message.status ?? '';
  // With a terminal a line that has progress, even none yet, is rewritten in place; without one it is left out.
  if (terminal && stream === undefined && progressDetail) return `\x1b[2K\r${id}${status} ${progress}\r`;
  if (!terminal && progress !== '') return '';
  return stream ? `${id}${stream}` : `${id}${status}\n`;
}

const BAR_WIDTH = 50;
const WIDE_ENOUGH_FOR_BAR = 110;
const UNKNOWN_WIDTH = 200;

/** "[====>     ]  1.2MB/3MB", or nothing to show. */
function progressText({ progressDetail: detail, progress }: Message, fd: 1 | 2): string {
  if (!detail || ((detail.current ?? 0) <= 0 && (detail.total ?? 0) <= 0)) return progress ?? '';
  const { current = 0, total = 0, units, start, hidecounts } = detail;
  if (total <= 0) return units ? `${formatSignificant(current, 6)} ${units}` : humanSize(current).padStart(8);
  const done = Math.min(BAR_WIDTH, Math.trunc(((current / total) * 100) / 2));
  const columns = isTerminal(fd) ? openTerminal(fd).columns : UNKNOWN_WIDTH;
  const bar = columns > WIDE_ENOUGH_FOR_BAR ? `[${'='.repeat(done)}>${' '.repeat(BAR_WIDTH - done)}] ` : '';
  if (hidecounts) return bar;
  let numbers = units
    ? `${formatSignificant(current, 6)}/${formatSignificant(total, 6)} ${units}`
    : `${humanSize(current).padStart(8)}/${humanSize(total)}`;
  // More than there should be: the total was wrong.
  if (current > total) numbers = units ? `${formatSignificant(current, 6)} ${units}` : humanSize(current).padStart(8);
  const elapsed = start ? Date.now() / 1000 - start : 0;
  const left =
    start && current > 0 && done < BAR_WIDTH ? ` ${humanDuration((elapsed / current) * (total - current))}` : '';
  return `${bar}${numbers}${left}`;
}
