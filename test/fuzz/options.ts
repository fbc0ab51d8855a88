/** --seconds N --seed S --inputs N --only NAME --store DIRECTORY */
export interface FuzzOptions {
  readonly seconds: number;
  readonly seed: number;
  readonly inputs: number;
  /** Only targets with this in their name. */
  readonly only: string;
  /** Where the smallest inputs of findings go. */
  readonly store: string | undefined;
}

export function readOptions(argv: readonly string[]): FuzzOptions {
  const value = (name: string): string | undefined => {
    const at = argv.indexOf(`--${name}`);
    return at < 0 ? undefined : argv[at + 1];
  };
  const number = (name: string, otherwise: number): number => {
    const text = value(name);
    if (text === undefined) return otherwise;
    if (!/^\d+$/.test(text)) throw new Error(`--${name} takes a number, not ${text}`);
    return Number(text);
  };
  return {
    seconds: number('seconds', 60),
    seed: number('seed', Date.now() % 2 ** 31),
    inputs: number('inputs', Infinity),
    only: value('only') ?? '',
    store: value('store'),
  };
}
