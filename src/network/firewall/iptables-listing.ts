/** What `iptables -S` prints of a table, as tokens: words, and what is in quotes. */

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
  const policies = new Map<string, string>();
  const chains = new Set<string>();
  const rules: IptablesRule[] = [];
  for (const line of text.split('\n')) {
    const [command, chain = '', ...rest] = tokensOf(line);
    if (command === '-P') policies.set(chain, rest[0] ?? '');
    if (command === '-P' || command === '-N') chains.add(chain);
    if (command === '-A') rules.push({ chain, tokens: rest });
  }
  return { policies, chains, rules };
}

/** Where a rule leads: '-j X' or '-g X'; '' where nowhere. */
export function targetOf(tokens: readonly string[]): string {
  const at = tokens.findIndex((token) => token === '-j' || token === '-g');
  return at < 0 ? '' : (tokens[at + 1] ?? '');
}

function tokensOf(line: string): string[] {
  return [...line.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map(([, quoted, word]) => (quoted === undefined ? word! : ` ${quoted.replace(/\\(.)/g, '$1')}`));
}
