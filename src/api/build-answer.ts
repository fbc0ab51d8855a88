/**
 * The lines of a build for a client that may read them slowly, or not at all: a build does not wait for it, and what it
 * does not read takes a bounded part of the memory. What is left out is told, and how the build came out is always told.
 */
import type { ServerResponse } from 'node:http';

const MAX_UNREAD_BYTES = 16 * 1024 * 1024;
const MAX_KEPT_CHARS = 4 * 1024 * 1024;

export class BuildAnswer {
  readonly #response: ServerResponse;
  #kept: string[] = [];
  #keptChars = 0;
  #leftOut = 0;

  constructor(response: ServerResponse) {
    this.#response = response;
  }

  /** The answer has begun, or will have lines. */
  get hasAny(): boolean {
    return this.#response.headersSent || this.#kept.length > 0;
  }

  write(line: unknown): void {
    if (this.#response.destroyed) return;
    if (this.#response.writableLength > MAX_UNREAD_BYTES) this.#leftOut++;
    else this.#send(JSON.stringify(line));
  }

  /** For `writeKept`, should it be wanted. */
  keep(line: unknown): void {
    const text = JSON.stringify(line);
    if (this.#leftOut > 0 || this.#keptChars + text.length > MAX_KEPT_CHARS) {
      this.#leftOut++;
      return;
    }
    this.#kept.push(text);
    this.#keptChars += text.length;
  }

  writeKept(): void {
    const leftOut = this.#leftOut;
    this.#leftOut = 0; // they came after all these
    for (const text of this.#kept.splice(0)) this.#send(text);
    this.#leftOut = leftOut;
  }

  /** What the build came to, however much is unread. */
  writeLast(lines: readonly unknown[]): void {
    if (this.#kept.length > 0) this.#leftOut = 0; // nobody asked for these
    this.#kept = [];
    for (const line of lines) this.#send(JSON.stringify(line));
  }

  #send(text: string): void {
    const response = this.#response;
    if (response.destroyed) return;
    if (!response.headersSent) response.writeHead(200, { 'Content-Type': 'application/json' });
    if (this.#leftOut > 0) {
      const stream = `[${this.#leftOut} lines left out]\n`;
      this.#leftOut = 0;
      response.write(`${JSON.stringify({ stream })}\r\n`);
    }
    response.write(`${text}\r\n`);
  }
}
