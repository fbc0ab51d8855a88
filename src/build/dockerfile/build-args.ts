/**
 * Build arguments and where they are seen: those before the first FROM by FROM lines, and by a stage that asks for one
 * by its name; those of a stage from their line on. What the client gives counts for what is asked for, and for the
 * proxies, which need no ARG and leave no trace in the image.
 */

const PROXIES: readonly string[] = ['HTTP_PROXY', 'HTTPS_PROXY', 'FTP_PROXY', 'NO_PROXY', 'ALL_PROXY'].flatMap(
  (name) => [name, name.toLowerCase()],
);

const isProxyArg = (name: string): boolean => PROXIES.includes(name);

export interface GivenArgs {
  /** By the client; undefined = without a value. */
  readonly given: ReadonlyMap<string, string | undefined>;
  /** TARGETPLATFORM and its like: seen by FROM lines, and where an ARG asks for them. */
  readonly predefined: ReadonlyMap<string, string>;
}

/** Those before the first FROM. */
export class GlobalArgs {
  readonly #args: GivenArgs;
  readonly #values = new Map<string, string | undefined>();
  readonly #asked = new Set<string>();

  constructor(args: GivenArgs) {
    this.#args = args;
  }

  get given(): ReadonlyMap<string, string | undefined> {
    return this.#args.given;
  }

  declare(name: string, value: string | undefined): void {
    this.#values.set(name, value);
    this.#asked.add(name);
  }

  /** As FROM lines see them. */
  readonly value = (name: string): string | undefined => {
    if (!this.#values.has(name))
      return this.#args.predefined.get(name) ?? (isProxyArg(name) ? this.#args.given.get(name) : undefined);
    return this.#args.given.get(name) ?? this.#values.get(name) ?? this.#args.predefined.get(name);
  };

  /** What a stage gets that asks for it without a value. */
  inherited(name: string): string | undefined {
    return this.#values.has(name) ? this.value(name) : this.#args.predefined.get(name);
  }

  noteAsked(name: string): void {
    this.#asked.add(name);
  }

  /** What the client gave and nobody asked for. */
  unused(): string[] {
    return [...this.#args.given.keys()].filter((name) => !this.#asked.has(name) && !isProxyArg(name)).sort();
  }
}

/** Those of one stage, as far as it has come. */
export class StageArgs {
  readonly #global: GlobalArgs;
  readonly #values = new Map<string, string | undefined>();

  constructor(global: GlobalArgs) {
    this.#global = global;
  }

  declare(name: string, value: string | undefined): void {
    this.#global.noteAsked(name);
    this.#values.set(name, this.#global.given.get(name) ?? value ?? this.#global.inherited(name));
  }

  readonly value = (name: string): string | undefined =>
    this.#values.get(name) ?? (isProxyArg(name) ? this.#global.given.get(name) : undefined);

  /** What commands get in their environment. */
  all(): Map<string, string> {
    const found = new Map<string, string>();
    for (const name of [...this.#values.keys(), ...PROXIES]) {
      const value = this.value(name);
      if (value !== undefined) found.set(name, value);
    }
    return found;
  }

  /** The same, without the proxies that no ARG names: what the result depends on. */
  visible(): Map<string, string> {
    return new Map([...this.all()].filter(([name]) => this.#values.has(name) || !isProxyArg(name)));
  }
}
