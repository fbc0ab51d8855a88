/**
 * From the text of a Dockerfile to its instructions: directives, comments, lines that go on in the next one, heredocs.
 * What an instruction means is read by `instruction-reader.ts`.
 */
import { CausewayError } from '../../base/errors.ts';
import { DirectiveReader, type Directives } from './directives.ts';
import { heredocWords, type Heredoc } from './heredoc.ts';
import { jsonForm } from './json-form.ts';
import { MAX_DOCKERFILE_BYTES, MAX_INSTRUCTIONS } from './limits.ts';
import { onLine, parseError, wrong } from './source-error.ts';
import { leadingFlags, splitFirst } from './words.ts';

export interface SourceInstruction {
  /** In lower case. */
  readonly keyword: string;
  /** As it is written there. */
  readonly word: string;
  readonly flags: readonly string[];
  /** Behind the flags. */
  readonly rest: string;
  /** The whole of it on one line, without heredocs. */
  readonly original: string;
  readonly heredocs: readonly Heredoc[];
  /** Counted from 1. */
  readonly line: number;
  readonly lastLine: number;
}

export interface DockerfileSource extends Directives {
  readonly instructions: readonly SourceInstruction[];
  readonly warnings: readonly string[];
}

const TAKES_HEREDOCS: ReadonlySet<string> = new Set(['add', 'copy', 'run']);

/** @throws invalid, with the line */
export function readSource(text: string): DockerfileSource {
  if (Buffer.byteLength(text) > MAX_DOCKERFILE_BYTES)
    throw new CausewayError('invalid', `the Dockerfile is longer than ${MAX_DOCKERFILE_BYTES} bytes`);
  return new SourceReader(text).read();
}

class SourceReader {
  readonly #lines: readonly string[]; // with their ends
  readonly #directives = new DirectiveReader();
  readonly #instructions: SourceInstruction[] = [];
  readonly #warnings: string[] = [];
  #at = 0;
  /** Directives come before everything else: this holds from the first other line on. */
  #escape: string = '\\';

  constructor(text: string) {
    const lines = text.replace(/^\uFEFF/, '').split(/(?<=\n)/);
    this.#lines = lines.at(-1) === '' ? lines.slice(0, -1) : lines;
  }

  read(): DockerfileSource {
    while (this.#at < this.#lines.length) this.#readInstruction();
    if (this.#instructions.length === 0)
      throw new CausewayError('invalid', 'dockerfile parse error: file with no instructions');
    return { ...this.#directives.found, instructions: this.#instructions, warnings: this.#warnings };
  }

  #readInstruction(): void {
    const line = this.#at + 1;
    const first = withoutEnd(this.#lines[this.#at++]!).trimStart();
    onLine(line, () => this.#directives.take(first));
    this.#escape = this.#directives.found.escape;
    const start = this.#continued(isComment(first) ? '' : first);
    if (start.ends && start.text === '') return;
    const parts = [start.text];
    let hasEmpty = false;
    for (let ended = start.ends; !ended && this.#at < this.#lines.length;) {
      const raw = withoutEnd(this.#lines[this.#at++]!);
      if (isComment(raw)) continue;
      if (raw.trim() === '') {
        hasEmpty = true;
        continue;
      }
      const next = this.#continued(raw);
      parts.push(next.text);
      ended = next.ends;
    }
    const original = parts.join('');
    if (hasEmpty) this.#warnings.push(`Empty continuation line found in: ${original}`);
    if (this.#instructions.length === MAX_INSTRUCTIONS)
      throw parseError(line, `more than ${MAX_INSTRUCTIONS} instructions`);
    this.#instructions.push(onLine(line, () => this.#instruction(original, line)));
  }

  /** A line without the escape at its end, if it goes on in the next one. */
  #continued(text: string): { readonly text: string; readonly ends: boolean } {
    const bare = text.replace(/[ \t]+$/, '');
    // Twice it is a character of the line.
    const goesOn = bare.endsWith(this.#escape) && bare.at(-2) !== this.#escape;
    return goesOn ? { text: bare.slice(0, -1), ends: false } : { text, ends: true };
  }

  #instruction(original: string, line: number): SourceInstruction {
    const parts = dividedInstruction(original, this.#escape);
    const heredocs = this.#heredocs(parts, original);
    return { ...parts, original, heredocs, line, lastLine: this.#at };
  }

  #heredocs(parts: InstructionParts, original: string): Heredoc[] {
    const inner = parts.keyword === 'onbuild' ? dividedInstruction(parts.rest, this.#escape) : parts;
    if (!TAKES_HEREDOCS.has(inner.keyword) || jsonForm(inner.rest) !== undefined) return [];
    return heredocWords(original).map((word) => {
      const content: string[] = [];
      for (;;) {
        const line = this.#lines[this.#at];
        if (line === undefined) throw wrong('unterminated heredoc');
        this.#at++;
        const bare = withoutEnd(line);
        if ((word.chomp ? bare.replace(/^\t+/, '') : bare) === word.name) break;
        content.push(line);
      }
      return { ...word, content: content.join('') };
    });
  }
}

interface InstructionParts {
  readonly keyword: string;
  readonly word: string;
  readonly flags: readonly string[];
  readonly rest: string;
}

/** Of one line. */
function dividedInstruction(text: string, escape: string): InstructionParts {
  const [word, behind = ''] = splitFirst(text.trim());
  const { flags, rest } = leadingFlags(behind, escape);
  return { keyword: word.toLowerCase(), word, flags, rest: rest.trim() };
}

const withoutEnd = (line: string): string => line.replace(/[\r\n]+$/, '');
const isComment = (line: string): boolean => line.trimStart().startsWith('#');
