/**
 * Variables and quotes of an instruction's words, as a shell of few words reads them: `$A`, `${A}`, `${A:-b}`,
 * `${A-b}`, `${A:+b}`, `${A+b}`, `${A:?b}`, `${A?b}`, `${A#p}`, `${A##p}`, `${A%p}`, `${A%%p}`, `${A/p/r}` and
 * `${A//p/r}`.
 */
import { MAX_EXPANDED_CHARS, MAX_EXPANSION_DEPTH } from './limits.ts';
import { InstructionError, wrong } from './source-error.ts';
import { TextPattern } from './text-pattern.ts';
import { isSpace } from './words.ts';

export type Variables = (name: string) => string | undefined;

export interface ExpandOptions {
  readonly escape: string;
  /** Quotes stay where they are. */
  readonly rawQuotes?: boolean;
  readonly rawEscapes?: boolean;
  /** Quotes are characters like others: the text of a heredoc. */
  readonly quotesMeanNothing?: boolean;
  /** What is not set stays as it is written. */
  readonly keepUnset?: boolean;
}

/** @throws InstructionError */
export function expandWord(text: string, variables: Variables, options: ExpandOptions): string {
  return new Expansion(text, variables, options).run().text;
}

/** The words that it falls into after variables were put in: what they bring is divided, what is quoted is not. */
export function expandWords(text: string, variables: Variables, options: ExpandOptions): string[] {
  return new Expansion(text, variables, options).run().words;
}

class WordList {
  readonly words: string[] = [];
  #word = '';
  #inWord = false;

  add(text: string): void {
    for (const char of text) {
      if (!isSpace(char)) this.addRaw(char);
      else if (this.#inWord) this.finish();
    }
  }

  addRaw(text: string): void {
    this.#word += text;
    this.#inWord = true;
  }

  finish(): string[] {
    if (this.#word !== '') this.words.push(this.#word);
    this.#word = '';
    this.#inWord = false;
    return this.words;
  }
}

const SPECIAL = '@*#?-$!0';

class Expansion {
  readonly #source: string;
  readonly #chars: readonly string[];
  readonly #variables: Variables;
  readonly #options: ExpandOptions;
  #at = 0;
  #depth = 0;
  #made = 0;

  constructor(source: string, variables: Variables, options: ExpandOptions) {
    this.#source = source;
    this.#chars = Array.from(source);
    this.#variables = variables;
    this.#options = options;
  }

  run(): { text: string; words: string[] } {
    try {
      return this.#until(undefined, this.#options.rawEscapes ?? false);
    } catch (error) {
      if (!(error instanceof InstructionError)) throw error;
      const shown = this.#source.length > 1000 ? `${this.#source.slice(0, 1000)}...` : this.#source;
      throw wrong(`failed to process ${JSON.stringify(shown)}: ${error.message}`);
    }
  }

  get #ended(): boolean {
    return this.#at >= this.#chars.length;
  }

  #peek(): string | undefined {
    return this.#chars[this.#at];
  }

  #next(): string {
    return this.#chars[this.#at++] ?? '';
  }

  /** What has been made of it must not grow without bound: values can be put in over and over. */
  #grown(text: string): string {
    this.#made += text.length;
    if (this.#made > MAX_EXPANDED_CHARS)
      throw wrong(`the instruction is longer than ${MAX_EXPANDED_CHARS} characters with its variables put in`);
    return text;
  }

  #until(stop: string | undefined, rawEscapes: boolean): { text: string; words: string[] } {
    if (++this.#depth > MAX_EXPANSION_DEPTH) throw wrong('substitutions are nested too deeply');
    const words = new WordList();
    const parts: string[] = [];
    while (!this.#ended) {
      const char = this.#peek()!;
      if (char === stop) {
        this.#at++;
        this.#depth--;
        return { text: parts.join(''), words: words.finish() };
      }
      const special = this.#special(char, rawEscapes);
      if (special !== undefined) {
        parts.push(special);
        if (char === '$') words.add(special);
        else words.addRaw(special);
        continue;
      }
      this.#at++;
      if (char !== this.#options.escape) {
        parts.push(char);
        words.add(char);
        continue;
      }
      if (rawEscapes) {
        parts.push(char);
        words.addRaw(char);
      }
      if (this.#ended) break; // it escapes nothing
      const escaped = this.#next();
      parts.push(escaped);
      words.addRaw(escaped);
    }
    this.#depth--;
    if (stop !== undefined) throw wrong(`unexpected end of statement while looking for matching ${stop}`);
    return { text: parts.join(''), words: words.finish() };
  }

  #special(char: string, rawEscapes: boolean): string | undefined {
    if (char === '$') return this.#grown(this.#dollar());
    if (char === '<') return this.#heredocStart();
    if (this.#options.quotesMeanNothing) return undefined;
    if (char === "'") return this.#singleQuoted();
    if (char === '"') return this.#doubleQuoted(rawEscapes);
    return undefined;
  }

  /** White space behind `<<` belongs to the word of a heredoc. */
  #heredocStart(): string {
    this.#at++;
    if (this.#peek() !== '<') return '<';
    this.#at++;
    let result = '<<';
    while (['\t', '\r', ' '].includes(this.#peek() ?? '')) result += this.#next();
    return result;
  }

  #singleQuoted(): string {
    const quote = this.#options.rawQuotes ? "'" : '';
    const end = this.#chars.indexOf("'", this.#at + 1);
    if (end < 0) throw wrong('unexpected end of statement while looking for matching single-quote');
    const text = this.#chars.slice(this.#at + 1, end).join('');
    this.#at = end + 1;
    return quote + text + quote;
  }

  #doubleQuoted(rawEscapes: boolean): string {
    const quote = this.#options.rawQuotes ? '"' : '';
    const { escape } = this.#options;
    const parts: string[] = [quote];
    this.#at++;
    while (!this.#ended) {
      if (this.#peek() === '$') {
        parts.push(this.#grown(this.#dollar()));
        continue;
      }
      let char = this.#next();
      if (char === '"') return [...parts, quote].join('');
      if (char === escape) {
        if (rawEscapes) parts.push(char);
        const next = this.#peek();
        if (next === undefined) continue;
        // Of all else, the escape stays.
        if (next === '"' || next === '$' || next === escape) char = this.#next();
      }
      parts.push(char);
    }
    throw wrong('unexpected end of statement while looking for matching double-quote');
  }

  #dollar(): string {
    this.#at++;
    if (this.#peek() !== '{') {
      const name = this.#name();
      if (name === '') return '$';
      return this.#variables(name) ?? (this.#options.keepUnset ? `$${name}` : '');
    }
    this.#at++;
    if (this.#ended) throw wrong("syntax error: missing '}'");
    if (['{', '}', ':'].includes(this.#peek()!)) throw wrong('syntax error: bad substitution');
    return this.#substitution(this.#name());
  }

  #substitution(name: string): string {
    const value = this.#variables(name);
    let operator = this.#next();
    if (operator === '}') return value ?? (this.#options.keepUnset ? `\${${name}}` : '');
    if (operator === '/') return this.#replacement(name, value);
    const emptyIsUnset = operator === ':';
    if (emptyIsUnset) operator = this.#next();
    const shown = emptyIsUnset ? `:${operator}` : operator;
    const isTrim = operator === '#' || operator === '%';
    if (operator === '' || !'+-?#%'.includes(operator) || (emptyIsUnset && isTrim))
      throw wrong(`unsupported modifier (${shown}) in substitution`);
    const word = this.#argument('}', isTrim, "syntax error: missing '}'");
    if (value === undefined && this.#options.keepUnset) return `\${${name}${shown}${word}}`;
    if (isTrim) return trimmed(value ?? '', operator, word);
    const isUnset = value === undefined || (emptyIsUnset && value === '');
    if (operator === '+') return isUnset ? '' : word;
    if (!isUnset) return value;
    if (operator === '-') return word;
    throw wrong(`${name}: ${word || `is not allowed to be ${value === undefined ? 'unset' : 'empty'}`}`);
  }

  #replacement(name: string, value: string | undefined): string {
    const all = this.#peek() === '/';
    if (all) this.#at++;
    const pattern = this.#argument('/', true, "syntax error: missing '/' in ${}");
    const replacement = this.#argument('}', true, "syntax error: missing '}'");
    if (value === undefined && this.#options.keepUnset) return `\${${name}/${pattern}/${replacement}}`;
    return new TextPattern(pattern).replaced(value ?? '', replacement, all);
  }

  #argument(stop: string, rawEscapes: boolean, complaint: string): string {
    try {
      return this.#until(stop, rawEscapes).text;
    } catch (error) {
      throw this.#ended && error instanceof InstructionError ? wrong(complaint) : error;
    }
  }

  #name(): string {
    const first = this.#peek() ?? '';
    if (/^\p{Nd}$/u.test(first)) return this.#while(/^\p{Nd}$/u);
    if (first !== '' && SPECIAL.includes(first)) return this.#next();
    return this.#while(/^[\p{L}\p{Nd}_]$/u);
  }

  #while(kind: RegExp): string {
    const from = this.#at;
    while (!this.#ended && kind.test(this.#peek()!)) this.#at++;
    return this.#chars.slice(from, this.#at).join('');
  }
}

function trimmed(value: string, operator: string, word: string): string {
  const longest = word.startsWith(operator);
  const pattern = new TextPattern(longest ? word.slice(1) : word);
  return operator === '#' ? pattern.withoutPrefix(value, longest) : pattern.withoutSuffix(value, longest);
}
