/**
 * Parses flags as Go's pflag does, which is what Docker's users have in their fingers and scripts: `-itd`, `-p80:80`,
 * `-p=80:80`, `--rm=false`, `--name x`, `--`, and commands whose flags end at the first argument.
 * Refuses with pflag's own sentences.
 */
import type { FlagType } from './flag-types.ts';

export interface Flag {
  readonly name: string;
  readonly short?: string;
  readonly type: FlagType;
  readonly usage: string;
  /** The value as a user would write it, shown by --help unless it is the type's zero. */
  readonly preset?: string;
  /** Works, but --help does not list it. */
  readonly hidden?: boolean;
  /** The flag whose value this one sets: `--net` sets `--network`. */
  readonly aliasOf?: string;
  /** Throws with the reason that a value is refused, or returns what it means. For lists: of each element. */
  readonly check?: (value: string) => string;
}

/** A bad flag. The caller adds the usage line. */
export class FlagError extends Error {
  /** The long name that no flag has, where that is what is wrong. */
  readonly unknown: string | undefined;

  constructor(message: string, unknown?: string) {
    super(message);
    this.unknown = unknown;
  }
}

export class FlagSet {
  readonly args: string[] = [];
  readonly #flags: readonly Flag[];
  readonly #values = new Map<string, unknown>();
  readonly #changed = new Set<string>();
  helpWanted = false;
  /** `-h` was used for help, which Docker calls deprecated. */
  shortHelpUsed = false;

  constructor(flags: readonly Flag[]) {
    this.#flags = flags;
  }

  parse(argv: readonly string[], options: { interspersed: boolean }): void {
    const rest = [...argv];
    for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
      if (arg === '--') {
        this.args.push(...rest);
        return;
      }
      if (arg.length < 2 || !arg.startsWith('-')) {
        this.args.push(arg);
        if (options.interspersed) continue;
        this.args.push(...rest);
        return;
      }
      if (arg.startsWith('--')) this.#parseLong(arg, rest);
      else this.#parseShorts(arg.slice(1), rest);
    }
  }

  #parseLong(arg: string, rest: string[]): void {
    const body = arg.slice(2);
    if (body.startsWith('-') || body.startsWith('=')) throw new FlagError(`bad flag syntax: ${arg}`);
    const equals = body.indexOf('=');
    const name = equals < 0 ? body : body.slice(0, equals);
    const flag = this.#flags.find((candidate) => candidate.name === name);
    if (!flag) {
      if (name !== 'help') throw new FlagError(`unknown flag: --${name}`, name);
      this.helpWanted = true;
      return;
    }
    if (equals >= 0) return this.#set(flag, body.slice(equals + 1));
    if (flag.type.noArgument) return this.#set(flag, 'true');
    const value = rest.shift();
    if (value === undefined) throw new FlagError(`flag needs an argument: --${name}`);
    this.#set(flag, value);
  }

  #parseShorts(shorts: string, rest: string[]): void {
    for (let left = shorts; left !== '';) {
      const letter = left.charAt(0);
      const flag = this.#flags.find((candidate) => candidate.short === letter);
      if (!flag) {
        if (letter !== 'h') throw new FlagError(`unknown shorthand flag: '${letter}' in -${left}`);
        this.helpWanted = this.shortHelpUsed = true;
        left = left.slice(1);
        continue;
      }
      if (left.length > 2 && left.charAt(1) === '=') return this.#set(flag, left.slice(2));
      if (flag.type.noArgument) {
        this.#set(flag, 'true');
        left = left.slice(1);
        continue;
      }
      if (left.length > 1) return this.#set(flag, left.slice(1));
      const value = rest.shift();
      if (value === undefined) throw new FlagError(`flag needs an argument: '${letter}' in -${left}`);
      return this.#set(flag, value);
    }
  }

  #set(flag: Flag, raw: string): void {
    const key = flag.aliasOf ?? flag.name;
    try {
      this.#values.set(key, flag.type.set(raw, this.#changed.has(key) ? this.#values.get(key) : undefined, flag.check));
    } catch (error) {
      const shown = flag.short ? `-${flag.short}, --${flag.name}` : `--${flag.name}`;
      throw new FlagError(`invalid argument ${JSON.stringify(raw)} for "${shown}" flag: ${(error as Error).message}`);
    }
    this.#changed.add(key);
    if (flag.name === 'help') this.helpWanted = this.#values.get(key) === true;
  }

  /** The names that --help lists. */
  shown(): string[] {
    return this.#flags.filter((flag) => !flag.hidden).map((flag) => flag.name);
  }

  /** True if the user gave the flag, whatever its value. */
  changed(name: string): boolean {
    return this.#changed.has(name);
  }

  #value(name: string): unknown {
    if (this.#changed.has(name)) return this.#values.get(name);
    const flag = this.#flags.find((candidate) => candidate.name === name);
    if (!flag) throw new Error(`no flag --${name} is defined`);
    return flag.preset === undefined ? flag.type.zero : flag.type.set(flag.preset, undefined, undefined);
  }

  bool(name: string): boolean {
    return this.#value(name) as boolean;
  }

  string(name: string): string {
    return this.#value(name) as string;
  }

  number(name: string): number {
    return this.#value(name) as number;
  }

  list(name: string): readonly string[] {
    return this.#value(name) as readonly string[];
  }

  /** key=value pairs, the last of a key wins. */
  map(name: string): Readonly<Record<string, string>> {
    return this.#value(name) as Readonly<Record<string, string>>;
  }

  /** What a flag of a type of its own holds (`mount`, `network`, `ulimit`...). */
  objects<T>(name: string): readonly T[] {
    return this.#value(name) as readonly T[];
  }

  /** Filters as the API takes them: { name: { value: true } }. */
  filters(name: string): Record<string, Record<string, boolean>> {
    return this.#value(name) as Record<string, Record<string, boolean>>;
  }
}
