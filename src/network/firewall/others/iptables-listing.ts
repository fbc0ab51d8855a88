/** What `iptables -S` prints of a table, as tokens: words, and what is in quotes. */
import type { LongWork } from '../../../base/long-work.ts';

export interface IptablesRule {
  readonly chain: string;
  readonly tokens: readonly string[]; // without '-A CHAIN'
}

export interface IptablesListing {
  /** Of built-in chains: 'ACCEPT', 'DROP'. */
  readonly policies: ReadonlyMap<string, string>;
  readonly chains: ReadonlySet<string>;
  readonly rules: readonly IptablesRule[];
}

export function parseListing(text: string): IptablesListing {
  const parser = new ListingParser();
  for (const line of text.split('\n')) parser.add(line);
  return parser.listing;
}

/** The same for one that may be long. */
export async function parseLongListing(text: string, work: LongWork): Promise<IptablesListing> {
  const parser = new ListingParser();
  for (const line of text.split('\n')) {
    parser.add(line);
    if (work.isDue) await work.pause();
  }
  return parser.listing;
}

class ListingParser {
  readonly #policies = new Map<string, string>();
  readonly #chains = new Set<string>();
  readonly #rules: IptablesRule[] = [];
  readonly listing: IptablesListing = { policies: this.#policies, chains: this.#chains, rules: this.#rules };

  add(line: string): void {
    const [command, chain = '', ...rest] = tokensOf(line);
    if (command === '-P') this.#policies.set(chain, rest[0] ?? '');
    if (command === '-P' || command === '-N') this.#chains.add(chain);
    if (command === '-A') this.#rules.push({ chain, tokens: rest });
  }
}

/** A rule's target: '-j X' or '-g X'; '' without one. */
export function targetOf(tokens: readonly string[]): string {
  const at = tokens.findIndex((token) => token === '-j' || token === '-g');
  return at < 0 ? '' : (tokens[at + 1] ?? '');
}

function tokensOf(line: string): string[] {
  return [...line.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map(([, quoted, word]) =>
    quoted === undefined ? word! : ` ${quoted.replace(/\\(.)/g, '$1')}`,
  );
}
