/** Query parameters read the way Docker reads them. */
import { invalid } from '../base/errors.ts';

const FALSE_WORDS = new Set(['', '0', 'no', 'false', 'none']);

export class Query {
  readonly #values: URLSearchParams;

  /** `knows`: whether the API version asked for has a parameter; the others count as absent. */
  constructor(search: string, knows: (name: string) => boolean = () => true) {
    this.#values = new URLSearchParams(search);
    for (const name of new Set(this.#values.keys())) if (!knows(name)) this.#values.delete(name);
  }

  text(name: string): string {
    return this.#values.get(name) ?? '';
  }

  texts(name: string): string[] {
    return this.#values.getAll(name);
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  /** Docker's truth: anything but '', 0, no, false and none. */
  flag(name: string, fallback = false): boolean {
    if (!this.#values.has(name)) return fallback;
    return !FALSE_WORDS.has(this.text(name).trim().toLowerCase());
  }

  /** A whole number, undefined when absent. The error is the one Go's Atoi gives. */
  integer(name: string): number | undefined {
    const value = this.text(name);
    if (value === '') return undefined;
    if (!/^[+-]?\d+$/.test(value)) throw invalid(`strconv.Atoi: parsing ${JSON.stringify(value)}: invalid syntax`);
    return Number(value);
  }

  /** A terminal's height or width; `what` is 'height' or 'width'. */
  terminalSize(name: string, what: string): number {
    const value = this.text(name);
    if (!/^-?\d+$/.test(value)) throw invalid(`invalid resize ${what} ${JSON.stringify(value)}: invalid syntax`);
    const size = Number(value);
    if (size < 0 || size > 0xffffffff)
      throw invalid(`invalid resize ${what} ${JSON.stringify(value)}: value out of range`);
    return size;
  }
}
