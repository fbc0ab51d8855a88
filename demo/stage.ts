/**
 * What the audience sees: acts, commands as a person types them, what they printed, why it matters, and whether it was
 * as expected. Colours only on a terminal. Everything that was checked is counted for the summary.
 */
import { PROJECT } from './images.ts';
import type { CommandOptions, CommandResult, Sandbox } from './sandbox.ts';
import type { Expectation } from './expectations.ts';

export class Stage {
  readonly sandbox: Sandbox;
  readonly #colour: boolean;
  readonly #failed: string[] = [];
  #checked = 0;
  #ended = false;

  constructor(sandbox: Sandbox) {
    this.sandbox = sandbox;
    this.#colour = process.stdout.isTTY && process.env['NO_COLOR'] === undefined && process.env['TERM'] !== 'dumb';
  }

  act(title: string, introduction: string): void {
    this.#print(`\n${this.#paint('1;36', `=== ${title}`)}\n${wrap(introduction)}\n`);
  }

  /** Types a command on the sandbox's shell and shows what it printed. */
  async type(
    command: string,
    why: string,
    options: CommandOptions & { patienceMs?: number; until?: (result: CommandResult) => boolean } = {},
  ): Promise<CommandResult> {
    if (this.#ended) throw new Interrupted();
    this.#print(`\n${this.#paint('1', `$ ${command}`)}\n`);
    const result = await this.#run(command, options);
    if (this.#ended) throw new Interrupted();
    const shown = result.both.trimEnd();
    if (shown !== '') this.#print(`${shown}\n`);
    if (why !== '') this.#print(`${this.#paint('2', wrap(why, '  # '))}\n`);
    return result;
  }

  /** The same without showing it: for questions that only the checks ask. */
  async ask(command: string): Promise<string> {
    if (this.#ended) throw new Interrupted();
    return (await this.sandbox.shell(command, { env: this.#environment() })).both.trim();
  }

  /** Until `until` holds or patience ends: a server that was just started may need a moment before it answers. */
  async #run(
    command: string,
    options: CommandOptions & { patienceMs?: number; until?: (result: CommandResult) => boolean },
  ): Promise<CommandResult> {
    for (const end = Date.now() + (options.patienceMs ?? 0); ;) {
      const result = await this.sandbox.shell(command, { ...options, env: { ...this.#environment(), ...options.env } });
      if (options.until === undefined || options.until(result) || Date.now() > end || this.#ended) return result;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  #environment(): Record<string, string> {
    return { PATH: `${PROJECT}:${process.env['PATH'] ?? ''}`, COLUMNS: '160', LC_ALL: 'C.UTF-8' };
  }

  check(...expectations: readonly Expectation[]): void {
    for (const { what, holds, seen } of expectations) {
      this.#checked++;
      if (holds) {
        this.#print(`  ${this.#paint('32', 'ok')}  ${what}\n`);
      } else {
        this.#failed.push(what);
        this.#print(
          `  ${this.#paint('1;31', 'NOT OK')}  ${what}\n${wrap(`seen: ${seen || '(nothing)'}`, '          ')}\n`,
        );
      }
    }
  }

  note(text: string): void {
    this.#print(`${this.#paint('2', text)}\n`);
  }

  /** No further command is started; the one that is running is ended by whoever ends the sandbox. */
  end(): void {
    this.#ended = true;
  }

  /** Prints the summary; true if all that was expected was seen. */
  summary(seconds: number): boolean {
    const good = this.#checked - this.#failed.length;
    const all = this.#failed.length === 0 && this.#checked > 0;
    this.#print(
      `\n${this.#paint(all ? '1;32' : '1;31', `${good} of ${this.#checked} verified`)} in ${seconds.toFixed(1)} s\n`,
    );
    for (const what of this.#failed) this.#print(`  not verified: ${what}\n`);
    return all;
  }

  #print(text: string): void {
    process.stdout.write(text);
  }

  #paint(code: string, text: string): string {
    return this.#colour ? `\x1b[${code}m${text}\x1b[0m` : text;
  }
}

export class Interrupted extends Error {}

/** Breaks lines at blanks so that they fit in 100 columns. */
function wrap(text: string, indent = ''): string {
  const lines: string[] = [];
  for (const paragraph of text.split('\n')) {
    let line = '';
    for (const word of paragraph.split(' ')) {
      if (line !== '' && line.length + word.length + 1 + indent.length > 100) {
        lines.push(line);
        line = word;
      } else {
        line = line === '' ? word : `${line} ${word}`;
      }
    }
    lines.push(line);
  }
  return lines.map((line) => indent + line).join('\n');
}
