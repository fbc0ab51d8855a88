/** What others' firewalls do to forwarded packets: an accept of ours ends nothing but our own chain, a drop anywhere is final. */
import { RulesetContext } from '../../kernel/nftables/ruleset.ts';
import { TABLE } from './schema.ts';

interface ListedChain {
  readonly family: string;
  readonly table: string;
  readonly name: string;
  readonly hook?: string;
  readonly policy?: string;
}

/** Chains on the forward hook, 'ip filter FORWARD', whose policy is to drop. [] where nftables cannot be read. */
export function foreignForwardDrops(netns?: string): string[] {
  let context: RulesetContext | undefined;
  try {
    context = RulesetContext.open(netns);
    const listed = context.list('list chains', { json: true }) as { nftables?: { chain?: ListedChain }[] };
    return (listed.nftables ?? [])
      .map((entry) => entry.chain)
      .filter((chain) => chain?.hook === 'forward' && chain.policy === 'drop' && chain.table !== TABLE)
      .filter((chain) => chain !== undefined && ['ip', 'ip6', 'inet'].includes(chain.family))
      .map((chain) => `${chain!.family} ${chain!.table} ${chain!.name}`);
  } catch {
    return [];
  } finally {
    context?.close();
  }
}
