/**
 * The common course of every change to running containers: the table first, then the kernel, the firewall, the files,
 * the resolver and the store by what follows from it. What fails is undone, and what others see follows the table back.
 */
import type { ResolverChange } from '../../base/dns-zone.ts';
import type { UndoStack } from '../../base/undo.ts';
import type { StoreChange } from '../contract.ts';
import type { HostServers } from '../host/host-facts.ts';
import type { StepRunner } from '../apply/step-runner.ts';
import type { NetworkCore } from './core.ts';
import type { FileRefresh } from './refresh-files.ts';
import type { ResolverFeed } from './resolver-feed.ts';
import { diffFacts, isEmptyDiff } from '../firewall/facts/diff.ts';
import type { Fact } from '../firewall/facts/fact.ts';
import { factsOfLinks, factsOfSandbox, reaches } from '../plan/firewall-facts.ts';
import { recipientsOf } from '../plan/linked-sources.ts';
import type { SandboxRecord } from '../table/sandbox.ts';
import type { Step } from '../plan/step.ts';
import { closedHoleSteps, openedPortSteps } from '../plan/sandbox-steps.ts';

export interface SandboxChange {
  readonly containerId: string;
  /** The row as it will be; leave.ts is for rows that go. */
  readonly next: SandboxRecord;
  readonly steps: readonly Step[];
}

export type ApplyChange = (undo: UndoStack, change: SandboxChange) => Promise<void>;

export interface ChangeNeeds extends Pick<NetworkCore, 'firewall' | 'policy' | 'ports' | 'store' | 'table'> {
  readonly feed: Pick<ResolverFeed, 'hostServers' | 'names' | 'tell' | 'view'>;
  readonly files: FileRefresh;
  readonly steps: Pick<StepRunner, 'run'>;
}

export async function applyChange(needs: ChangeNeeds, undo: UndoStack, change: SandboxChange): Promise<void> {
  const { feed, files, firewall, steps, store, table } = needs;
  const { containerId, next } = change;
  const previous = table.sandbox(containerId);
  const networkIds = [previous, next]
    .flatMap((record) => record?.sandbox.endpoints ?? [])
    .map((endpoint) => endpoint.networkId);
  const recipients = recipientsOf(containerId, networkIds, table);
  const touched = [containerId, ...recipients];

  // Pushed first, so run last: when the table is as it was, so become the projections of it.
  let published = false;
  let elementsInDoubt = false;
  undo.push('files, names and store', () => {
    // A projection made in the meantime saw the row in the table, and added its elements.
    if (elementsInDoubt) firewall.doubted();
    return revert(needs, { next, touched, published });
  });
  const before = factsAround(needs, touched);
  table.putSandbox(next);
  undo.push('endpoint table', () =>
    previous
      ? table.putSandbox({ ...previous, written: (table.sandbox(containerId) ?? previous).written })
      : table.removeSandbox(containerId),
  );

  steps.run(change.steps, undo);
  const diff = diffFacts(before, factsAround(needs, touched));
  elementsInDoubt = true;
  if (!isEmptyDiff(diff))
    steps.run([{ kind: 'change-elements', diff }, ...closedHoleSteps(diff), ...openedPortSteps(diff)], undo);
  elementsInDoubt = false;
  noteForwarded(needs, next);
  const servers = feed.hostServers();
  files.one(containerId, servers);

  published = true;
  await Promise.all([
    feed.tell(namesAndView(needs, containerId, servers)),
    files.others(recipients, servers).then(() => store.commit({ putSandboxes: currentRecords(needs, touched) })),
  ]);
}

/** Tells the relays of a sandbox whether the kernel forwards its IPv6 ports to it. */
export function noteForwarded({ ports }: Pick<NetworkCore, 'ports'>, { id, sandbox }: SandboxRecord): void {
  ports.setForwarded(
    id,
    sandbox.endpoints.some(({ ipv6, published }) => ipv6 !== '' && published.some((port) => reaches(port, 6))),
  );
}

async function revert(
  needs: ChangeNeeds,
  state: { next: SandboxRecord; touched: readonly string[]; published: boolean },
): Promise<void> {
  const { feed, files, store, table } = needs;
  const { containerId } = state.next.sandbox;
  const current = table.sandbox(containerId);
  if (current) noteForwarded(needs, current);
  const servers = feed.hostServers();
  await files.others(state.touched, servers);
  if (!state.published) return;
  const known = table.sandbox(containerId) !== undefined;
  const commit: StoreChange = {
    putSandboxes: currentRecords(needs, state.touched),
    ...(known ? {} : { removeSandboxes: [containerId] }),
  };
  const changes = namesAndView(needs, containerId, servers);
  if (!known && state.next.resolverPort > 0) changes.push({ op: 'remove-sandbox', id: state.next.id });
  await Promise.all([feed.tell(changes), store.commit(commit)]);
}

/** What the resolver has to know of a container now. */
function namesAndView({ feed, table }: ChangeNeeds, containerId: string, servers: () => HostServers): ResolverChange[] {
  const changes = feed.names(containerId);
  const record = table.sandbox(containerId);
  if (record && record.resolverPort > 0) changes.push(feed.view(record, servers));
  return changes;
}

/** What the firewall knows of containers and of the links that point to them. */
export function factsAround(
  { table, policy }: Pick<NetworkCore, 'policy' | 'table'>,
  containerIds: readonly string[],
): Fact[] {
  const records = new Map<string, SandboxRecord>();
  for (const id of containerIds) {
    for (const record of [table.sandbox(id), ...table.recipients(id)])
      if (record) records.set(record.sandbox.containerId, record);
  }
  return [...records.values()].flatMap((record) => [
    ...factsOfSandbox(record, table, policy),
    ...factsOfLinks(record, table),
  ]);
}

export function currentRecords(
  { table }: Pick<NetworkCore, 'table'>,
  containerIds: readonly string[],
): SandboxRecord[] {
  return containerIds.map((id) => table.sandbox(id)).filter((record) => record !== undefined);
}
