/**
 * One row of the table is replaced, which is all that a change, its undoing and a leave do to the table. What follows
 * for the firewall is worked out from the table as it is in that moment, never remembered: others change their rows
 * while an operation waits for the disk.
 */
import { diffFacts, type FactDiff } from '../firewall/facts/diff.ts';
import type { Fact } from '../firewall/facts/fact.ts';
import { factsOfLinks, factsOfSandbox, type FirewallPolicy } from '../plan/firewall-facts.ts';
import { recipientsOf } from '../plan/linked-sources.ts';
import type { SandboxRecord } from '../table/sandbox.ts';
import type { NetworkTable } from '../table/table.ts';

export interface RowNeeds {
  readonly table: NetworkTable;
  readonly policy: FirewallPolicy;
}

export interface RowChange {
  /** Others whose links point to the container, or did: their files follow, and their rows are stored with this one. */
  readonly recipients: readonly string[];
  /** Has to be told to the firewall in the same turn of the loop, or the next change counts on what is not there. */
  readonly diff: FactDiff;
}

/** `next` undefined: the row goes. */
export function replaceRow(needs: RowNeeds, containerId: string, next: SandboxRecord | undefined): RowChange {
  const { table } = needs;
  const networkIds = [table.sandbox(containerId), next]
    .flatMap((record) => record?.sandbox.endpoints ?? [])
    .map((endpoint) => endpoint.networkId);
  const recipients = recipientsOf(containerId, networkIds, table);
  const touched = [containerId, ...recipients];
  const before = factsOf(needs, touched);
  if (next) table.putSandbox(next);
  else table.removeSandbox(containerId);
  return { recipients, diff: diffFacts(before, factsOf(needs, touched)) };
}

function factsOf({ table, policy }: RowNeeds, containerIds: readonly string[]): Fact[] {
  return currentRecords({ table }, containerIds).flatMap((record) => [
    ...factsOfSandbox(record, table, policy),
    ...factsOfLinks(record, table),
  ]);
}

export function currentRecords(
  { table }: { readonly table: NetworkTable },
  containerIds: readonly string[],
): SandboxRecord[] {
  return containerIds.map((id) => table.sandbox(id)).filter((record) => record !== undefined);
}
