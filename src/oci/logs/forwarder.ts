/** What log drivers of other programs (journald, syslog) are given: pieces of lines, in order. */
import type { PieceSink } from './line-assembler.ts';
import { TIME_BYTES } from './line-assembler.ts';

export interface ForwardedPiece {
  readonly text: Buffer;
  readonly stderr: boolean;
  /** When the line began, as conmon writes it. */
  readonly time: string;
  /** Of a line that is longer than a piece: which of its pieces, from 1 on, and whether it is the last. */
  readonly partial: { readonly id: string; readonly ordinal: number; readonly last: boolean } | undefined;
}

export interface Forwarder {
  /**
   * Resolves when they are handed over, however long the program takes; or are given up with a complaint, where it
   * refuses or is not there.
   */
  send(pieces: readonly ForwardedPiece[]): Promise<void>;
  /** Nothing more comes, and what is being sent goes on; where absent nothing is sent when `send` has resolved. */
  end?(): void;
  /** What is being sent is given up without a word: nobody wants it any more. */
  close(): void;
}

/** Copies of pieces, until they are taken. */
export class PieceCollector implements PieceSink {
  readonly #newId: () => string;
  readonly #lines: [Line | undefined, Line | undefined] = [undefined, undefined];
  #pieces: ForwardedPiece[] = [];

  constructor(newId: () => string) {
    this.#newId = newId;
  }

  readonly piece: PieceSink['piece'] = (text, start, end, whole, stderr, time, timeStart) => {
    const index = stderr ? 1 : 0;
    const line = this.#lines[index] ?? (whole ? undefined : { id: this.#newId(), ordinal: 0 });
    this.#lines[index] = whole ? undefined : line;
    this.#pieces.push({
      text: Buffer.from(text.subarray(start, end)),
      stderr,
      time: time.toString('latin1', timeStart, timeStart + TIME_BYTES),
      partial: line && { id: line.id, ordinal: ++line.ordinal, last: whole },
    });
  };

  /** So many wait to be taken. */
  get count(): number {
    return this.#pieces.length;
  }

  take(): ForwardedPiece[] {
    const pieces = this.#pieces;
    this.#pieces = [];
    return pieces;
  }
}

interface Line {
  readonly id: string;
  ordinal: number;
}
