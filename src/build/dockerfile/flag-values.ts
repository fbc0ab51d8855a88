/** `--name`, `--name=value` of an instruction: which it takes, and what was given. */
import { didYouMean } from './nearest-word.ts';
import { wrong } from './source-error.ts';

export type FlagKind = 'flag' | 'text' | 'list';

export class FlagValues<Name extends string> {
  readonly #values = new Map<string, string[]>();

  constructor(given: readonly string[], kinds: Readonly<Record<Name, FlagKind>>) {
    for (const text of given) this.#take(text, kinds);
  }

  #take(text: string, kinds: Readonly<Record<string, FlagKind>>): void {
    const equals = text.indexOf('=');
    const flag = equals < 0 ? text : text.slice(0, equals);
    const name = flag.slice(2);
    const kind = Object.hasOwn(kinds, name) ? kinds[name] : undefined;
    if (!kind) throw wrong(`unknown flag: ${flag}${didYouMean(name, Object.keys(kinds), { exactCase: true })}`);
    const before = this.#values.get(name);
    if (before && kind !== 'list') throw wrong(`duplicate flag specified: ${flag}`);
    const value = equals < 0 ? undefined : text.slice(equals + 1);
    if (kind === 'flag') {
      if (value === '') throw wrong(`missing a value on flag: ${flag}`);
      const word = (value ?? 'true').toLowerCase();
      if (word !== 'true' && word !== 'false') throw wrong(`expecting boolean value for flag ${flag}, not: ${value}`);
      this.#values.set(name, [word]);
      return;
    }
    if (value === undefined) throw wrong(`missing a value on flag: ${flag}`);
    this.#values.set(name, [...(before ?? []), value]);
  }

  text(name: Name): string {
    return this.#values.get(name)?.[0] ?? '';
  }

  isSet(name: Name): boolean {
    return this.text(name) === 'true';
  }

  /** Undefined where it was not said. */
  choice(name: Name): boolean | undefined {
    return this.#values.has(name) ? this.isSet(name) : undefined;
  }

  list(name: Name): readonly string[] {
    return this.#values.get(name) ?? [];
  }
}
