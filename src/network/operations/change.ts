/**
 * The common course of every change to running containers: the table first, then the kernel, the firewall, the files,
 * the resolver and the store by what follows from it. What fails is undone, and what others see follows the table back.
 */
import { errorMessage } from '../../base/errors.ts';
import type { UndoStack } from '../../base/undo.ts';
import { applySteps, tearDown } from '../apply/apply.ts';
import { ApplyContext } from '../apply/context.ts';
import type { ResolverChange } from '../../base/dns-zone.ts';
import type { StoreChange } from '../contract.ts';
import type { NetworkCore } from './core.ts';
import { readResolvConf } from '../host/host-facts.ts';
import { diffFacts, isEmptyDiff } from '../firewall/facts/diff.ts';
import type { Fact } from '../firewall/facts/fact.ts';
import { factsOfLinks, factsOfSandbox, reaches } from '../plan/firewall-facts.ts';
import { recipientsOf } from '../plan/linked-sources.ts';
import type { SandboxRecord } from '../table/sandbox.ts';
import type { Step } from '../plan/step.ts';
import { refreshFiles, refreshOthers } from './refresh-files.ts';
import { closedHoleSteps, openedPortSteps } from '../plan/sandbox-steps.ts';

export interface SandboxChange {
  readonly containerId: string;
  /** The row as it will be; leave.ts is for rows that go. */
  readonly next: SandboxRecord;
  readonly steps: readonly Step[];
}

export async function applyChange(core: NetworkCore, undo: UndoStack, change: SandboxChange): Promise<void> {
  const { table, resolver, store } = core;
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
    if (elementsInDoubt) core.firewall.doubted();
    return revert(core, { next, touched, published });
  });
  const before = factsAround(core, touched);
  table.putSandbox(next);
  undo.push('endpoint table', () =>
    previous
      ? table.putSandbox({ ...previous, written: (table.sandbox(containerId) ?? previous).written })
      : table.removeSandbox(containerId),
  );

  runSteps(core, change.steps, undo);
  const diff = diffFacts(before, factsAround(core, touched));
  elementsInDoubt = true;
  if (!isEmptyDiff(diff))
    runSteps(core, [{ kind: 'change-elements', diff }, ...closedHoleSteps(diff), ...openedPortSteps(diff)], undo);
  elementsInDoubt = false;
  noteForwarded(core, next);
  refreshFiles(core, containerId);

  published = true;
  const changes = resolverChanges(core, containerId);
  const told = changes.length > 0 ? resolver.apply(changes) : undefined;
  await Promise.all([
    told,
    refreshOthers(core, recipients).then(() => store.commit({ putSandboxes: currentRecords(core, touched) })),
  ]);
}

/** Tells the relays of a sandbox whether the kernel forwards its IPv6 ports to it. */
export function noteForwarded(core: NetworkCore, { id, sandbox }: SandboxRecord): void {
  core.ports.setForwarded(
    id,
    sandbox.endpoints.some(({ ipv6, published }) => ipv6 !== '' && published.some((port) => reaches(port, 6))),
  );
}

async function revert(
  core: NetworkCore,
  state: { next: SandboxRecord; touched: readonly string[]; published: boolean },
): Promise<void> {
  const { containerId } = state.next.sandbox;
  const current = core.table.sandbox(containerId);
  if (current) noteForwarded(core, current);
  await refreshOthers(core, state.touched);
  if (!state.published) return;
  const known = core.table.sandbox(containerId) !== undefined;
  const commit: StoreChange = {
    putSandboxes: currentRecords(core, state.touched),
    ...(known ? {} : { removeSandboxes: [containerId] }),
  };
  const changes = resolverChanges(core, containerId);
  if (!known && state.next.resolverPort > 0) changes.push({ op: 'remove-sandbox', id: state.next.id });
  await Promise.all([changes.length > 0 ? core.resolver.apply(changes) : undefined, core.store.commit(commit)]);
}

/** What the resolver has to know of a container now. */
function resolverChanges(core: NetworkCore, containerId: string): ResolverChange[] {
  const changes = core.resolution.containerChanges(containerId);
  const record = core.table.sandbox(containerId);
  if (record && record.resolverPort > 0) changes.push(viewChange(core, record));
  return changes;
}

export function viewChange(core: NetworkCore, record: SandboxRecord): ResolverChange {
  return core.resolution.viewChange(record, readResolvConf(core.config.hostResolvConf), core.config);
}

/** Sets up; the first failure is thrown, what was done is on `undo`. */
export function runSteps(core: NetworkCore, steps: readonly Step[], undo: UndoStack): void {
  // Undo steps use the context too: it lives until the last of them has run, or is closed with the work done.
  const context = new ApplyContext(core);
  undo.push('sockets', () => context.close());
  applySteps(steps, context, undo);
  context.close();
}

/**
 * Takes down as far as it goes. `errors`: what failed at once; `settled` resolves when it is all over, to what failed
 * later.
 */
export function beginTearDown(
  core: NetworkCore,
  steps: readonly Step[],
): { errors: unknown[]; settled: Promise<unknown[]> } {
  const context = new ApplyContext(core);
  const errors = tearDown(steps, context);
  return { errors, settled: context.settle().finally(() => context.close()) };
}

/** Takes down as far as it goes, to the end, and returns what failed. */
export async function runTearDown(core: NetworkCore, steps: readonly Step[]): Promise<unknown[]> {
  const { errors, settled } = beginTearDown(core, steps);
  return [...errors, ...(await settled)];
}

/**
 * Tears down what follows from a committed change, which cannot be refused any more. What fails is retried at once; a
 * second failure is logged as a warning.
 */
export async function completeTearDown(core: NetworkCore, what: string, steps: readonly Step[]): Promise<void> {
  const errors = await runTearDown(core, steps);
  if (errors.length === 0) return;
  for (const error of await runTearDown(core, steps)) core.log.warn({ error: errorMessage(error) }, what);
}

/** What the firewall knows of containers and of the links that point to them. */
export function factsAround(core: NetworkCore, containerIds: readonly string[]): Fact[] {
  const { table, policy } = core;
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

export function currentRecords(core: NetworkCore, containerIds: readonly string[]): SandboxRecord[] {
  return containerIds.map((id) => core.table.sandbox(id)).filter((record) => record !== undefined);
}
