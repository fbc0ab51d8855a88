/**
 * Rules of others, which may be tens of thousands: libnftables takes 80 us and 9 KB for each that it lists. So it is
 * asked in a thread, what it printed is parsed in parts, and how many rules there are is counted first, by the kernel's
 * own messages (1 us each).
 */
import { KeyedLock } from '../../base/keyed-lock.ts';
import { LongWork } from '../../base/long-work.ts';
import { NftSocket } from './batch.ts';
import { NFT_MSG_GETRULE, NFT_MSG_GETSETELEM, type NftFamily } from './protocol.ts';
import { RulesetContext } from './ruleset.ts';

/** { rule: … } or { chain: … }, as in libnftables-json(5). */
export type ListedEntry = Readonly<Record<string, unknown>>;

const NFTA_RULE_TABLE = 1;
const NFTA_RULE_CHAIN = 2;
const NFTA_SET_ELEM_LIST_TABLE = 1;
const NFTA_SET_ELEM_LIST_SET = 2;
const RULE = '{"rule":'; // never inside of a string, where each quote has a backslash
const PART_CHARACTERS = 64 * 1024;
/** Before it, reading rules of iptables called libxtables, which no two threads may use at once. */
const FIRST_FOR_THREADS = [1, 0, 6] as const;

/** One thread at a time: as text, rules of iptables are listed by libxtables, whatever the release. */
const listing = new KeyedLock();

/** What is asked of a reader. */
export type RuleSource = Pick<RulesetReader, 'list' | 'countRules' | 'sizeOfSet'>;

export class RulesetReader {
  readonly #context: RulesetContext;
  readonly #netns: string | undefined;
  #inThread: boolean | undefined;
  #closed = false;

  private constructor(context: RulesetContext, netns: string | undefined) {
    this.#context = context;
    this.#netns = netns;
  }

  /** Opens in the namespace at the path and stays in it. */
  static open(netns?: string): RulesetReader {
    return new RulesetReader(RulesetContext.open(netns), netns);
  }

  /** A listing in progress is read to its end first. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    void listing.run('', async () => this.#context.close());
  }

  /**
   * What a list command prints, without the elements of sets unless `elements`. Throws KernelError, ENOENT where it
   * does not exist.
   */
  async list(command: string, options: { readonly elements?: boolean } = {}): Promise<ListedEntry[]> {
    const text = await listing.run('', async () => {
      this.#inThread ??= isForThreads(this.#context.list('list tables', { json: true }));
      const asked = { json: true, terse: !options.elements } as const;
      return this.#inThread ? this.#context.printAside(command, asked) : this.#context.print(command, asked);
    });
    return parseListing(text);
  }

  /** How many rules a table has, or one chain of it; it stops counting above `limit`. */
  countRules(
    { family, table, chain }: { readonly family: NftFamily; readonly table: string; readonly chain?: string },
    limit: number,
  ): number {
    return this.#sum(
      'count rules',
      NFT_MSG_GETRULE,
      family,
      [[NFTA_RULE_TABLE, table], ...(chain === undefined ? [] : [[NFTA_RULE_CHAIN, chain] as const])],
      () => 1,
      limit,
    );
  }

  /**
   * How many bytes the kernel returns about the elements of a set or map, some dozens for each; it stops above `limit`.
   */
  sizeOfSet(
    { family, table, set }: { readonly family: NftFamily; readonly table: string; readonly set: string },
    limit: number,
  ): number {
    return this.#sum(
      'measure a set',
      NFT_MSG_GETSETELEM,
      family,
      [
        [NFTA_SET_ELEM_LIST_TABLE, table],
        [NFTA_SET_ELEM_LIST_SET, set],
      ],
      (payload) => payload.length,
      limit,
    );
  }

  #sum(
    operation: string,
    type: number,
    family: NftFamily,
    of: readonly (readonly [attribute: number, name: string])[],
    weight: (payload: Buffer) => number,
    limit: number,
  ): number {
    const enough = new Error('enough');
    let sum = 0;
    const socket = NftSocket.open(this.#netns); // one of its own: the rest of the answer goes with it
    try {
      socket.dumpMessages(
        operation,
        type,
        family,
        (writer) => {
          for (const [attribute, name] of of) writer.attributeString(attribute, name);
        },
        (payload) => {
          sum += weight(payload);
          if (sum > limit) throw enough;
        },
        () => (sum = 0),
      );
    } catch (error) {
      if (error !== enough) throw error;
    } finally {
      socket.close();
    }
    return sum;
  }
}

function isForThreads(listing: unknown): boolean {
  const entries = (listing as { nftables?: readonly { metainfo?: { version?: string } }[] }).nftables ?? [];
  const version = entries[0]?.metainfo?.version?.split('.').map(Number) ?? [];
  const differs = FIRST_FOR_THREADS.findIndex((part, at) => part !== (version[at] ?? 0));
  return differs < 0 || (version[differs] ?? 0) > FIRST_FOR_THREADS[differs]!;
}

/** The rules of a listing are many and alike: they are taken some at a time. */
export async function parseListing(text: string): Promise<ListedEntry[]> {
  if (text === '') return [];
  const first = text.indexOf(RULE);
  if (first < 0) return (JSON.parse(text) as { nftables: ListedEntry[] }).nftables;
  const { nftables } = JSON.parse(`${text.slice(0, first).replace(/,\s*$/, '')}]}`) as { nftables: ListedEntry[] };
  const work = new LongWork();
  const end = text.lastIndexOf(']}');
  for (let from = first; from < end;) {
    const next = text.indexOf(RULE, from + PART_CHARACTERS);
    const to = next < 0 ? end : next;
    nftables.push(...(JSON.parse(`[${text.slice(from, to).replace(/,\s*$/, '')}]`) as ListedEntry[]));
    from = to;
    await work.pauseIfDue();
  }
  return nftables;
}
