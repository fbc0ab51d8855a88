/**
 * The engine's nftables tables in the kernel. Promises: the rules are written once, in one transaction; every later
 * change is one atomic transaction of elements; the user's chain keeps its rules; tables of others are never touched.
 */
import { errorMessage, systemError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { isKernelError } from '../../kernel/errors.ts';
import {
  addToNewSet,
  NftSocket,
  prepareBatch,
  type ElementChange,
  type PreparedBatch,
} from '../../kernel/nftables/batch.ts';
import { knowsFamily } from '../../kernel/nftables/family-probe.ts';
import { RulesetContext } from '../../kernel/nftables/ruleset.ts';
import { RulesetReader } from '../../kernel/nftables/ruleset-reader.ts';
import { readTable, withChain, writeTable, type TableCopy } from '../../kernel/nftables/table-copy.ts';
import { diffElements, isEmptyDiff, type ElementDiff, type FactDiff } from './facts/diff.ts';
import { elementsOf, type Element, type SetName } from './facts/element.ts';
import { BRIDGED_FAMILY } from './bridged.ts';
import { decodeElement, encodeElement } from './encode.ts';
import {
  elementText,
  groupBySet,
  isReadableElement,
  parseUserChain,
  renderElements,
  renderRuleset,
  rulesetVersion,
  setNames,
  USER_CHAIN,
  type RulesetOptions,
} from './ruleset.ts';
import { FAMILY, TABLE } from './schema.ts';

// Preparing it takes 2 us per element, which goes unnoticed.
const PREPARED_MAX_ELEMENTS = 5_000;

export class Firewall {
  readonly #log: Log;
  readonly #options: RulesetOptions;
  /** The engine's, as nft names them. */
  readonly #tables: readonly string[];
  #elements: NftSocket | undefined;
  #userRules: string[] = [];
  #rules: string | undefined; // as nft lists them, without the user's
  /**
   * The whole table except its elements, with the user's rules; undefined while it is not known or cannot be copied.
   */
  #copy: TableCopy | undefined;
  #bridgedCopy: TableCopy | undefined;
  #prepared: PreparedBatch | undefined;
  /**
   * One for all times: libnftables waits with select(), which ends the process at a descriptor above 1023, and a daemon
   * with a thousand published ports has no lower one left to open later.
   */
  #context: RulesetContext | undefined;
  /** Opened with it, for the same reason. */
  #reader: RulesetReader | undefined;

  /** In the network namespace of this process, or in `netns` (tests). */
  readonly #netns: string | undefined;

  constructor(options: { log: Log; netns?: string; ruleset?: RulesetOptions }) {
    this.#log = options.log;
    this.#netns = options.netns;
    this.#context = openContext(options.netns);
    const bridged = knowsFamily(this.#socket(), BRIDGED_FAMILY, `${TABLE}-probe`);
    if (!bridged)
      this.#log.warn(
        {},
        'the kernel has no nftables rules for bridges (CONFIG_NF_TABLES_BRIDGE): containers of a network with enable_icc=false can reach each other with tagged frames',
      );
    this.#options = { ...options.ruleset, bridged };
    this.#tables = bridged ? [`${FAMILY} ${TABLE}`, `${BRIDGED_FAMILY} ${TABLE}`] : [`${FAMILY} ${TABLE}`];
    this.#reader = RulesetReader.open(options.netns);
  }

  /**
   * Makes the kernel's table the one of this release with exactly these elements. A table that is already right is only
   * corrected, so packets never meet a moment without rules. Returns what it had to do.
   */
  install(elements: readonly Element[]): 'written' | 'corrected' | 'kept' {
    this.#prepared = undefined;
    const present = this.#readUserChain();
    // Rules of the user outlive a flush of the whole ruleset as long as this process remembers them.
    if (present) this.#userRules = present.rules;
    if (present?.version === rulesetVersion(this.#options) && this.#rulesAreWhole()) {
      this.#copyTable();
      const diff = diffElements(this.elements(), elements);
      if (isEmptyDiff(diff)) return 'kept';
      this.#send(diff);
      return 'corrected';
    }
    const odd = new Set(elements.filter((element) => !isReadableElement(element)));
    this.#run(
      `${this.#removal()}${renderRuleset(this.#userRules, this.#options)}${renderElements(elements.filter((element) => !odd.has(element)))}`,
    );
    if (odd.size > 0) {
      this.#log.warn(
        { elements: [...odd].map(elementText) },
        'nft cannot read names of these interfaces: a ruleset that is saved while they are there cannot be loaded again',
      );
      this.#send({ add: [...odd], remove: [] }); // as bytes, in the same turn
    }
    this.#rules = this.#listRules();
    this.#copyTable();
    this.#log.info({ elements: elements.length, version: rulesetVersion(this.#options) }, 'firewall table written');
    return 'written';
  }

  /**
   * For when a table has just been deleted and every packet counts: writes it as it was, with these elements. False
   * where that cannot be done (it is there, or was never copied): `install` does the rest in any case.
   */
  putBack(elements: () => readonly Element[]): boolean {
    const batch = this.#prepared ?? (this.#copy && this.#batchOf(this.#copy, elements()));
    this.#prepared = undefined;
    const bridged = this.#bridgedCopy && this.#batchOf(this.#bridgedCopy, []);
    const written = [batch, bridged].map((one) => one !== undefined && this.#write(one)).includes(true);
    return written && batch !== undefined; // the small one alone does not count as restored
  }

  #write(batch: PreparedBatch): boolean {
    let socket: NftSocket | undefined;
    try {
      // The numbers of its messages are fixed, so it is the first that a socket sends.
      socket = NftSocket.open(this.#netns);
      socket.runPrepared(batch);
      return true;
    } catch (error) {
      if (isKernelError(error, 'EEXIST')) return false; // restored already
      this.#log.warn({ error: errorMessage(error) }, 'the firewall table could not be written from its copy');
      return false;
    } finally {
      socket?.close();
    }
  }

  /** Takes the user's rules as they are now, and nothing else that may have been changed from outside. */
  rememberUserRules(): void {
    const present = this.#readUserChain();
    if (present?.version !== rulesetVersion(this.#options)) return;
    this.#userRules = present.rules;
    this.#prepared = undefined;
    const now = this.#copy && readTable(this.#socket(), FAMILY, TABLE);
    this.#copy = now && this.#copy ? withChain(this.#copy, now, USER_CHAIN) : undefined;
  }

  /**
   * Makes ready what `putBack` would write; what it is made from must be what is in the table now. Any change voids it.
   */
  prepare(elements: readonly Element[]): void {
    this.#prepared =
      this.#copy && elements.length <= PREPARED_MAX_ELEMENTS ? this.#batchOf(this.#copy, elements) : undefined;
  }

  #batchOf(copy: TableCopy, elements: readonly Element[]): PreparedBatch {
    return prepareBatch((batch) => {
      writeTable(batch, copy);
      for (const [set, members] of groupBySet(elements))
        addToNewSet(batch, { family: FAMILY, table: TABLE, set }, members.map(encodeElement));
    });
  }

  #copyTable(): void {
    this.#copy = readTable(this.#socket(), FAMILY, TABLE);
    this.#bridgedCopy = this.#options.bridged ? readTable(this.#socket(), BRIDGED_FAMILY, TABLE) : undefined;
  }

  /**
   * Whether the rules in the kernel are those that were written. They are compared as nft lists them, since it spells
   * some differently from how they were given; a table that an earlier process wrote is measured against one made for
   * it.
   */
  #rulesAreWhole(): boolean {
    this.#rules ??= this.#referenceRules();
    return this.#listRules() === this.#rules;
  }

  /**
   * The listing of a fresh table, made under another name and without hooks' effect: it is deleted in the next breath.
   */
  #referenceRules(): string {
    return this.#withContext((context) => {
      // Dormant: their chains are not registered, no packet meets them.
      context.run(
        renderRuleset([], this.#options).replace(
          new RegExp(`^(table \\w+ ${TABLE}) \\{`, 'gm'),
          '$1-reference {\n\tflags dormant;',
        ),
      );
      const references = this.#tables.map((table) => `${table}-reference`);
      try {
        return references.map((table) => listRules(context, table)).join('');
      } finally {
        for (const table of references) context.run(`delete table ${table}`);
      }
    });
  }

  #listRules(): string {
    return this.#withContext((context) => this.#tables.map((table) => listRules(context, table)).join(''));
  }

  /** The commands that delete the engine's tables, there or not. */
  #removal(): string {
    return this.#tables.map((table) => `add table ${table}\ndelete table ${table}\n`).join('');
  }

  /** Called when a change did not go through: teardown goes on without it, so the table has to be checked again. */
  doubted: () => void = () => {};

  /** One transaction. Removing a missing element is fine; adding one that exists with another value is not. */
  change({ add, remove }: FactDiff): void {
    this.#send({ add: elementsOf(add), remove: elementsOf(remove) });
  }

  #send(diff: ElementDiff): void {
    this.#prepared = undefined;
    const changes: ElementChange[] = [];
    for (const [op, list] of [
      ['delete', diff.remove],
      ['add', diff.add],
    ] as const) {
      for (const [set, members] of groupBySet(list)) {
        changes.push({
          op,
          family: FAMILY,
          table: TABLE,
          set,
          elements: members.map(encodeElement),
          ignoreAbsent: op === 'delete',
        });
      }
    }
    if (changes.length === 0) return;
    try {
      this.#socket().commit(changes);
    } catch (error) {
      this.doubted();
      throw error;
    }
  }

  /** What is in the engine's sets and maps now. */
  elements(): Element[] {
    return setNames().flatMap((set) => this.#list(set));
  }

  /** Of one set; undefined where the table has no such set, or is not there. */
  elementsOf(set: SetName): Element[] | undefined {
    try {
      return this.#list(set);
    } catch (error) {
      if (isKernelError(error, 'ENOENT')) return undefined;
      throw error;
    }
  }

  #list(set: SetName): Element[] {
    return this.#socket()
      .listElements({ family: FAMILY, table: TABLE, set })
      .map((encoded) => decodeElement(set, encoded));
  }

  /** For reading what others have; of the namespace that the table is in. */
  context(): RulesetContext {
    return this.#withContext((context) => context);
  }

  /** For reading rules of others that may be many. */
  reader(): RulesetReader {
    return (this.#reader ??= RulesetReader.open(this.#netns));
  }

  /** Deletes the engine's tables, with the user's chain. */
  remove(): void {
    this.#run(this.#removal());
  }

  close(): void {
    this.#elements?.close();
    this.#elements = undefined;
    this.#context?.close();
    this.#context = undefined;
    this.#reader?.close();
    this.#reader = undefined;
  }

  #socket(): NftSocket {
    return (this.#elements ??= NftSocket.open(this.#netns));
  }

  #readUserChain(): { version: string; rules: string[] } | undefined {
    return this.#withContext((context) => {
      try {
        return parseUserChain(String(context.list(`list chain ${FAMILY} ${TABLE} ${USER_CHAIN}`)));
      } catch (error) {
        if (!isKernelError(error, 'ENOENT')) throw error;
        // Without the chain the table is not the engine's, or is broken: it is deleted as a whole.
        return this.#tableExists(context) ? { version: '', rules: [] } : undefined;
      }
    });
  }

  #tableExists(context: RulesetContext): boolean {
    return String(context.list('list tables'))
      .split('\n')
      .some((line) => line.trim() === `table ${FAMILY} ${TABLE}`);
  }

  #run(commands: string): void {
    this.#withContext((context) => context.run(commands));
  }

  #withContext<T>(work: (context: RulesetContext) => T): T {
    try {
      return work((this.#context ??= openContext(this.#netns)));
    } catch (error) {
      if (isKernelError(error)) throw error;
      throw nftablesError(error);
    }
  }
}

function openContext(netns: string | undefined): RulesetContext {
  try {
    return RulesetContext.open(netns);
  } catch (error) {
    if (isKernelError(error)) throw error;
    throw nftablesError(error);
  }
}

const nftablesError = (error: unknown) => systemError(`nftables: ${errorMessage(error)}`, error);

/** Of a table; '' where it is not there. */
function listRules(context: RulesetContext, table: string): string {
  try {
    return normalize(String(context.list(`list table ${table}`, { terse: true })));
  } catch (error) {
    if (isKernelError(error, 'ENOENT')) return '';
    throw error;
  }
}

/** A listing without the table's own name and flags, and without what is in the user's chain. */
function normalize(listing: string): string {
  const body = listing.slice(listing.indexOf('\n') + 1).replace(/^\tflags dormant\n\n?/m, '');
  return body.replace(new RegExp(`(\\tchain ${USER_CHAIN} \\{\\n)(?:\\t\\t.*\\n)*(\\t\\})`), '$1$2');
}
