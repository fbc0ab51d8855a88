/**
 * How a build goes on, on a terminal: a line for each step with the time that it took; below the one that is being done,
 * the end of what it writes. Made of the classic builder's output, so that any daemon's build can be watched.
 */
import { escapeControls } from '../../base/control-characters.ts';
import { fit } from '../format/fit.ts';
import type { Message } from '../terminal/json-progress.ts';

/** Of a step that is being done. */
const SHOWN_LINES = 6;
/** Of one that failed. */
const KEPT_LINES = 500;
const MAX_LINE_CHARS = 4096;
const REDRAW_MS = 100;
/** Columns of a step's title beside its time: 'Step 10/12'. */
const MIN_TITLE = 10;

interface Step {
  readonly title: string;
  readonly startedMs: number;
  isCached: boolean;
  readonly lines: string[];
  /** Behind the last line end. */
  rest: string;
  /** How far the images that it pulls are. */
  readonly pulls: Map<string, string>;
}

export interface Screen {
  /** Columns. */
  width(): number;
  /** Lines. */
  height(): number;
  write(text: string): void;
  /** Milliseconds. */
  now(): number;
}

export class BuildView {
  readonly #screen: Screen;
  readonly #timer: NodeJS.Timeout;
  #step: Step | undefined;
  /** Lines that are drawn again and again. */
  #drawn = 0;
  #drawnMs = 0;

  constructor(screen: Screen) {
    this.#screen = screen;
    this.#timer = setInterval(() => this.#draw(), REDRAW_MS).unref();
  }

  take({ stream, id, status, progressDetail }: Message): void {
    if (stream !== undefined) this.#output(String(stream));
    else if (this.#step && status !== undefined) {
      const { current = 0, total = 0 } = progressDetail ?? {};
      const share = total > 0 ? ` ${Math.min(100, Math.floor((current / total) * 100))}%` : '';
      this.#step.pulls.set(String(id ?? ''), `${id ? `${String(id)}: ` : ''}${String(status)}${share}`);
    }
    if (this.#screen.now() - this.#drawnMs >= REDRAW_MS) this.#draw();
  }

  /** `failed`: the step is shown as such, with all that it wrote. */
  end(failed: boolean): void {
    clearInterval(this.#timer);
    this.#finish(failed ? 'ERROR' : '');
  }

  #output(text: string): void {
    if (/^Step \d+\/\d+ : /.test(text)) {
      this.#finish('');
      this.#step = newStep(text.trimEnd(), this.#screen.now());
    } else if (/^Successfully (?:built|tagged) /.test(text)) {
      this.#finish('');
      this.#screen.write(`${clean(text.trimEnd())}\n`);
    } else if (!this.#step) {
      if (text.trim() !== '') this.#screen.write(`${clean(text.trimEnd())}\n`);
    } else if (text === ' ---> Using cache\n') this.#step.isCached = true;
    else if (!/^ ---> (?:Running in |Removed intermediate container )?[0-9a-f]{12}\n$/.test(text))
      addOutput(this.#step, text);
  }

  #finish(mark: string): void {
    const step = this.#step;
    if (!step) return;
    this.#erase();
    this.#screen.write(`${this.#header(step, mark || (step.isCached ? 'CACHED' : ''))}\n`);
    if (mark !== '')
      this.#screen.write([...step.lines, step.rest].map((line) => (line === '' ? '' : ` | ${line}\n`)).join(''));
    this.#step = undefined;
  }

  #draw(): void {
    const step = this.#step;
    if (!step) return;
    this.#erase();
    const width = this.#screen.width();
    const tail = [...[...step.pulls.values()].map(clean), ...step.lines, step.rest].filter((line) => line !== '');
    // What has scrolled out of sight cannot be drawn again.
    const room = Math.max(0, Math.min(SHOWN_LINES, this.#screen.height() - 2));
    const shown = room === 0 ? [] : tail.slice(-room);
    const lines = [this.#header(step, ''), ...shown.map((line) => fit(` | ${line}`, width - 1))];
    this.#screen.write(`${lines.join('\n')}\n`);
    this.#drawn = lines.length;
    this.#drawnMs = this.#screen.now();
  }

  #erase(): void {
    if (this.#drawn > 0) this.#screen.write(`\x1b[${this.#drawn}A\x1b[J`);
    this.#drawn = 0;
  }

  #header({ title, startedMs }: Step, mark: string): string {
    const seconds = ((this.#screen.now() - startedMs) / 1000).toFixed(1);
    const right = `${mark === '' ? '' : ` ${mark}`} ${seconds}s`;
    const columns = Math.max(1, this.#screen.width() - 1);
    // Where there is not room for both, how long it takes says less than what it is.
    const room = columns - right.length;
    return room < MIN_TITLE ? fit(title, columns) : `${fit(title, room, true)}${right}`;
  }
}

function newStep(title: string, startedMs: number): Step {
  return { title: clean(title.split('\n', 1)[0]!), startedMs, isCached: false, lines: [], rest: '', pulls: new Map() };
}

function addOutput(step: Step, text: string): void {
  const lines = `${step.rest}${text}`.split('\n');
  step.rest = clean(lines.pop() ?? '').slice(-MAX_LINE_CHARS);
  for (const line of lines) {
    // What a carriage return overwrites is gone.
    const shown = clean(line.replace(/\r+$/, '').split('\r').at(-1) ?? '').slice(0, MAX_LINE_CHARS);
    if (shown !== '') step.lines.push(shown);
  }
  if (step.lines.length > KEPT_LINES) step.lines.splice(0, step.lines.length - KEPT_LINES);
}

/** Colours go; what else moves the cursor would move the lines of others, and is spelled out. */
const clean = (text: string): string =>
  // oxlint-disable-next-line no-control-regex -- colours are what is looked for
  escapeControls(text.replace(/\u001b\[[0-9;?]*[ -/]*[@-~]/g, '').replaceAll('\t', '    '));
