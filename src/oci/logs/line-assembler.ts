/**
 * What conmon writes (see log-parser.ts) taken apart into pieces as Docker stores them: a line is one piece, or, where it
 * is longer than 16 KiB, pieces of exactly that and a rest, all with the time of its beginning.
 *
 * A record is "TIME STREAM MARK TEXT\n", whose head always has the same length.
 */
export const TIME_BYTES = 35; // 2024-05-01T10:00:00.123456789+02:00
const HEAD_BYTES = TIME_BYTES + ' stdout F '.length;
const PIECE_BYTES = 16 * 1024;
/** No record of conmon's is that long: the file is damaged there. */
const RECORD_LIMIT_BYTES = 128 * 1024;
const [SPACE, NEWLINE, WHOLE] = [0x20, 0x0a, 0x46];

export interface PieceSink {
  /**
   * Bytes `start` to `end` of `text`, a piece that ends its line where `whole`; the line began at the time whose 35
   * characters are in `time` from `timeStart` on. The buffers are others' afterwards.
   */
  readonly piece: (
    text: Buffer,
    start: number,
    end: number,
    whole: boolean,
    stderr: boolean,
    time: Buffer,
    timeStart: number,
  ) => void;
}

/** A line that goes on: as JSON, with its text in base64. */
export interface OpenLineState {
  readonly stderr: boolean;
  readonly time: string;
  readonly held: string;
}

interface OpenLine {
  readonly time: Buffer;
  readonly held: Buffer;
  heldBytes: number;
}

export class LineAssembler {
  readonly #sink: PieceSink;
  readonly #stop: { readonly full: boolean };
  readonly #open: [OpenLine | undefined, OpenLine | undefined] = [undefined, undefined];
  #skipping = false;

  /** `stop`: while it is full no further record is taken. */
  constructor(sink: PieceSink, stop: { readonly full: boolean }, state: readonly OpenLineState[] = []) {
    this.#sink = sink;
    this.#stop = stop;
    for (const { stderr, time, held } of state) {
      const text = Buffer.from(held, 'base64');
      const line = { time: Buffer.from(time, 'latin1'), held: Buffer.allocUnsafe(PIECE_BYTES), heldBytes: text.length };
      text.copy(line.held);
      this.#open[stderr ? 1 : 0] = line;
    }
  }

  /** Takes whole records; how many bytes that were. What is left over comes again, with more behind it. */
  push(bytes: Buffer): number {
    let start = 0;
    for (let end = bytes.indexOf(NEWLINE, start); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
      if (this.#stop.full) return start;
      if (!this.#skipping) this.#record(bytes, start, end);
      this.#skipping = false;
      start = end + 1;
    }
    if (bytes.length - start <= RECORD_LIMIT_BYTES) return start;
    this.#skipping = true;
    return bytes.length;
  }

  /** At the end of the output: lines that never got their newline. */
  rest(): void {
    for (const index of [0, 1] as const) {
      const line = this.#open[index];
      this.#open[index] = undefined;
      if (line && line.heldBytes > 0) this.#sink.piece(line.held, 0, line.heldBytes, false, index === 1, line.time, 0);
    }
  }

  state(): OpenLineState[] {
    return this.#open.flatMap((line, index) =>
      line === undefined
        ? []
        : [
            {
              stderr: index === 1,
              time: line.time.toString('latin1'),
              held: line.held.toString('base64', 0, line.heldBytes),
            },
          ],
    );
  }

  #record(bytes: Buffer, start: number, end: number): void {
    const textStart = start + HEAD_BYTES;
    // Torn by a full disk, where it does not look like one.
    if (textStart > end || bytes[start + TIME_BYTES] !== SPACE || bytes[textStart - 1] !== SPACE) return;
    const letter = bytes[start + TIME_BYTES + 4]; // std[o]ut, std[e]rr
    if (letter !== 0x6f && letter !== 0x65) return;
    const stderr = letter === 0x65;
    const whole = bytes[textStart - 2] === WHOLE;
    if (this.#open[stderr ? 1 : 0] === undefined && whole && end - textStart < PIECE_BYTES)
      this.#sink.piece(bytes, textStart, end, true, stderr, bytes, start);
    else this.#extend(bytes, start, textStart, end, whole, stderr);
  }

  #extend(bytes: Buffer, timeStart: number, textStart: number, end: number, whole: boolean, stderr: boolean): void {
    const index = stderr ? 1 : 0;
    const line = (this.#open[index] ??= {
      time: Buffer.from(bytes.subarray(timeStart, timeStart + TIME_BYTES)),
      held: Buffer.allocUnsafe(PIECE_BYTES),
      heldBytes: 0,
    });
    for (let at = textStart; at < end;) {
      const taken = bytes.copy(line.held, line.heldBytes, at, Math.min(end, at + PIECE_BYTES - line.heldBytes));
      at += taken;
      line.heldBytes += taken;
      if (line.heldBytes < PIECE_BYTES) continue;
      this.#sink.piece(line.held, 0, PIECE_BYTES, false, stderr, line.time, 0);
      line.heldBytes = 0;
    }
    if (!whole) return;
    this.#sink.piece(line.held, 0, line.heldBytes, true, stderr, line.time, 0);
    this.#open[index] = undefined;
  }
}
