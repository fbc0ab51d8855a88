/**
 * Rules of others as they are read for one report. A table is at up to three hooks: what was listed, printed or parsed
 * of it for one of them is known for the next.
 */
import { systemError } from '../../../base/errors.ts';
import type { LongWork } from '../../../base/long-work.ts';
import { isKernelError } from '../../../kernel/errors.ts';
import type { NftFamily } from '../../../kernel/nftables/batch.ts';
import type { RuleSource } from '../../../kernel/nftables/ruleset-reader.ts';
import type { FilterRule } from './filter-model.ts';
import { HostPrograms } from './host-program.ts';
import { parseLongListing } from './iptables-listing.ts';
import { listing, type IptablesFamily, type WholeListing } from './iptables-program.ts';
import { iptablesRule } from './iptables-rules.ts';
import { rulesIn, type Expression, type ListedRule } from './nft-listing.ts';
import { nftRule, targetsOf, type SetReader } from './nft-rules.ts';

export const SMALL_TABLE = 2_000; // rules; of a larger table only the chains that count are read
const LONG_SET = 65_536; // bytes, of a thousand elements or two
const ASKING = new HostPrograms();

export type Chains = ReadonlyMap<string, readonly FilterRule[]>;

interface ParsedListing {
  readonly policies: ReadonlyMap<string, string>;
  readonly chains: Chains;
}

export class RuleReading {
  readonly source: RuleSource;
  readonly work: LongWork;
  /** How many rules may still be read. */
  room: number;
  readonly #tables = new Map<string, TableReading>();
  readonly #parsed = new Map<WholeListing, ParsedListing | undefined>();

  constructor(source: RuleSource, maxRules: number, work: LongWork) {
    this.source = source;
    this.room = maxRules;
    this.work = work;
  }

  table(family: NftFamily, table: string): TableReading {
    const key = `${family} ${table}`;
    let reading = this.#tables.get(key);
    if (!reading) this.#tables.set(key, (reading = new TableReading(this, family, table)));
    return reading;
  }

  /** What `iptables -S` printed; undefined where it is too much. */
  async parsed(listed: WholeListing): Promise<ParsedListing | undefined> {
    if (!this.#parsed.has(listed)) this.#parsed.set(listed, await this.#parse(listed));
    return this.#parsed.get(listed);
  }

  async #parse(listed: WholeListing): Promise<ParsedListing | undefined> {
    const count = lineCount(listed.text, this.room);
    if (listed.cut || count > this.room) return undefined;
    this.room -= count;
    const { policies, chains: names, rules } = await parseLongListing(listed.text, this.work);
    const chains = new Map<string, FilterRule[]>();
    for (const { chain, tokens } of rules) {
      append(chains, chain, iptablesRule(tokens, names));
      await this.work.pauseIfDue();
    }
    return { policies, chains };
  }
}

class TableReading {
  readonly #all: RuleReading;
  readonly #family: NftFamily;
  readonly #table: string;
  readonly #sets: Sets;
  readonly #lists = new Map<string, readonly ListedRule[]>();
  readonly #chains = new Map<readonly ListedRule[], Chains>();
  #printed: Promise<WholeListing | 'incompatible' | undefined> | undefined;

  constructor(all: RuleReading, family: NftFamily, table: string) {
    this.#all = all;
    this.#family = family;
    this.#table = table;
    this.#sets = new Sets(all.source, family, table);
  }

  /**
   * The rules that packets can meet from a base chain on, or all of a small table; undefined where they are too many.
   */
  async met(base: string): Promise<readonly ListedRule[] | undefined> {
    const place = { family: this.#family, table: this.#table };
    const whole = `list table ${this.#family} ${word(this.#table)}`;
    const few = Math.min(SMALL_TABLE, this.#all.room);
    if (this.#lists.has(whole) || this.#all.source.countRules(place, few) <= few) return this.#rules(whole);
    const found: ListedRule[] = [];
    const chains = new Set([base]);
    for (const chain of chains) {
      const command = `list chain ${this.#family} ${word(this.#table)} ${word(chain)}`;
      if (
        !this.#lists.has(command) &&
        this.#all.source.countRules({ ...place, chain }, this.#all.room) > this.#all.room
      )
        return undefined;
      const rules = await this.#rules(command);
      found.push(...rules);
      // A set goes on to what is added meanwhile.
      for (const { expr = [] } of rules) for (const target of targetsOf(expr, this.#sets.of)) chains.add(target);
    }
    return found;
  }

  /** To be evaluated. */
  async chainsOf(listed: readonly ListedRule[]): Promise<Chains> {
    const known = this.#chains.get(listed);
    if (known) return known;
    const chains = new Map<string, FilterRule[]>();
    for (const { chain, expr = [] } of listed) {
      append(chains, chain, nftRule(expr, this.#sets.of));
      await this.#all.work.pauseIfDue();
    }
    this.#chains.set(listed, chains);
    return chains;
  }

  /** By the program of iptables, as `listing`. */
  printed(): Promise<WholeListing | 'incompatible' | undefined> {
    return (this.#printed ??= listing(ASKING, 'nft', this.#family as IptablesFamily, this.#table));
  }

  async #rules(command: string): Promise<readonly ListedRule[]> {
    const known = this.#lists.get(command);
    if (known) return known;
    const rules = await readRules(this.#all.source, command);
    this.#all.room -= rules.length;
    for (const { expr = [] } of rules) await this.#sets.learn(expr);
    this.#lists.set(command, rules);
    return rules;
  }
}

function append(chains: Map<string, FilterRule[]>, chain: string, rule: FilterRule): void {
  const rules = chains.get(chain);
  if (rules) rules.push(rule);
  else chains.set(chain, [rule]);
}

/** Names are of others: one that nft does not take for a name must not be taken for a command. */
function word(name: string): string {
  if (!/^[A-Za-z_.][A-Za-z0-9_./-]*$/.test(name))
    throw systemError(`nft cannot be asked for the name ${JSON.stringify(name)}`);
  return name;
}

async function readRules(source: RuleSource, command: string): Promise<ListedRule[]> {
  try {
    return rulesIn(await source.list(command));
  } catch (error) {
    if (isKernelError(error, 'ENOENT')) return [];
    throw error;
  }
}

/** It stops counting above `limit`. */
function lineCount(text: string, limit: number): number {
  let count = 0;
  for (let at = text.indexOf('\n'); at >= 0 && count <= limit; at = text.indexOf('\n', at + 1)) count++;
  return count;
}

/** Sets that tell interfaces or addresses apart. Long ones are blocklists, which serve a special purpose. */
class Sets {
  readonly #known = new Map<string, readonly unknown[] | undefined>();
  readonly #reader: RuleSource;
  readonly #family: NftFamily;
  readonly #table: string;

  constructor(reader: RuleSource, family: NftFamily, table: string) {
    this.#reader = reader;
    this.#family = family;
    this.#table = table;
  }

  readonly of: SetReader = (name) => this.#known.get(name);

  /** Reads those that a rule asks. */
  async learn(expressions: readonly Expression[]): Promise<void> {
    for (const name of expressions.flatMap((one) => setsAsked(one)))
      if (!this.#known.has(name)) this.#known.set(name, await this.#read(name));
  }

  #isLong(set: string): boolean {
    try {
      return this.#reader.sizeOfSet({ family: this.#family, table: this.#table, set }, LONG_SET) > LONG_SET;
    } catch (error) {
      if (!isKernelError(error)) throw error;
      return true; // it cannot be read at all
    }
  }

  async #read(name: string): Promise<readonly unknown[] | undefined> {
    if (this.#isLong(name)) return undefined;
    for (const kind of ['set', 'map'] as const) {
      try {
        const entries = await this.#reader.list(`list ${kind} ${this.#family} ${word(this.#table)} ${word(name)}`, {
          elements: true,
        });
        const found = entries
          .map((entry) => entry[kind] as { elem?: readonly unknown[] } | undefined)
          .find((one) => one !== undefined);
        if (found) return found.elem ?? [];
      } catch (error) {
        if (!isKernelError(error)) throw error;
      }
    }
    return undefined;
  }
}

function setsAsked(expression: Expression): string[] {
  const { left, right } = (expression['match'] ?? {}) as { left?: unknown; right?: unknown };
  const { key, data } = (expression['vmap'] ?? {}) as { key?: unknown; data?: unknown };
  return (
    [
      [left, right],
      [key, data],
    ] as const
  ).flatMap(([what, set]) =>
    typeof set === 'string' &&
    set.startsWith('@') &&
    /"(iifname|oifname|iif|oif|saddr|daddr)"/.test(JSON.stringify(what))
      ? [set.slice(1)]
      : [],
  );
}
