/** Parser directives: the comments at the very beginning of a Dockerfile that say how it is to be read. */
import { wrong } from './source-error.ts';

export interface Directives {
  /** The front end that was asked for, whole; this one is built in and reads what all of Docker's own do. */
  readonly syntax: string | undefined;
  readonly escape: '\\' | '`';
  readonly check: string | undefined;
}

/** A front end that is not Docker's own, whose files may mean something else. */
export function foreignSyntax(syntax: string | undefined): string | undefined {
  const own = /^(docker\.io\/)?docker\/dockerfile(-upstream)?([:@]\S*)?$/;
  return syntax === undefined || own.test(syntax.split(/\s/)[0]!) ? undefined : syntax;
}

const FORM = /^#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*$/;
const KNOWN: ReadonlySet<string> = new Set(['syntax', 'escape', 'check']);

/** Reads one line after the other; the first that is none is the last that could have been one. */
export class DirectiveReader {
  readonly #values = new Map<string, string>();
  #done = false;

  /** Whether the line is a directive. */
  take(line: string): boolean {
    if (this.#done) return false;
    const [, word = '', value = ''] = FORM.exec(line) ?? [];
    const name = word.toLowerCase();
    if (!KNOWN.has(name)) {
      this.#done = true;
      return false;
    }
    if (this.#values.has(name)) throw wrong(`only one ${name} parser directive can be used`);
    if (name === 'escape' && value !== '\\' && value !== '`')
      throw wrong(`invalid escape token '${value}' does not match \` or \\`);
    this.#values.set(name, value);
    return true;
  }

  get found(): Directives {
    return {
      syntax: this.#values.get('syntax'),
      escape: this.#values.get('escape') === '`' ? '`' : '\\',
      check: this.#values.get('check'),
    };
  }
}
