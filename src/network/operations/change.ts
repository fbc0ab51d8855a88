/**
 * The common course of every change to running containers: the table first, then the kernel, the firewall, the files,
 * the resolver and the store by what follows from it. What fails is undone, and what others see follows the table back.
 */
import type { ResolverChange } from '../../base/dns-zone.ts';
import { throwCollected } from '../../base/errors.ts';
import type { UndoStack } from '../../base/undo.ts';
import type { StepRunner } from '../apply/step-runner.ts';
import type { KnownContainer } from '../dns/resolution.ts';
import { isEmptyDiff, type FactDiff } from '../firewall/facts/diff.ts';
import type { HostServers } from '../host/host-facts.ts';
import { reaches } from '../plan/firewall-facts.ts';
import { closedHoleSteps, openedPortSteps } from '../plan/sandbox-steps.ts';
import type { Step } from '../plan/step.ts';
import type { SandboxRecord } from '../table/sandbox.ts';
import type { NetworkCore } from './core.ts';
import type { FileRefresh } from './refresh-files.ts';
import type { ResolverFeed } from './resolver-feed.ts';
import { replaceRow } from './row.ts';

export interface SandboxChange {
  readonly containerId: string;
  /** The row as it will be; leave.ts is for rows that go. */
  readonly next: SandboxRecord;
  readonly steps: readonly Step[];
  /** What the container is known by from now on; absent: what it was. */
  readonly known?: KnownContainer | undefined;
}

export type ApplyChange = (undo: UndoStack, change: SandboxChange) => Promise<void>;

export interface ChangeNeeds extends Pick<NetworkCore, 'policy' | 'ports' | 'resolution' | 'rows' | 'table'> {
  readonly feed: Pick<ResolverFeed, 'hostServers' | 'names' | 'tell' | 'view'>;
  readonly files: FileRefresh;
  readonly steps: Pick<StepRunner, 'beginTearDown' | 'run'>;
}

export async function applyChange(needs: ChangeNeeds, undo: UndoStack, change: SandboxChange): Promise<void> {
  const { feed, files, rows, steps } = needs;
  const { containerId, next } = change;
  const touched = new Set([containerId]);
  let published = false;
  // Pushed first, so run last: when the table is as it was, so become the projections of it.
  undo.push('files, names and store', () => revert(needs, { next, touched, published }));
  const { recipients, diff, goBack } = changeTable(needs, change);
  for (const id of recipients) touched.add(id);

  let told = false;
  const servers = feed.hostServers();
  try {
    steps.run(change.steps, undo);
    if (!isEmptyDiff(diff)) {
      steps.run([{ kind: 'change-elements', diff }], undo);
      told = true;
      steps.run(flowSteps(diff), undo);
    }
    noteForwarded(needs, next);
    files.one(containerId, servers);
  } catch (error) {
    // In the same turn: nobody has seen the row, and nobody builds on it.
    const back = goBack();
    if (told) {
      try {
        tellFirewall(needs, containerId, back.diff);
      } catch (failure) {
        // Reported with what else could not be undone: the caller is told why the change failed.
        undo.push('firewall', () => Promise.reject(failure as Error));
      }
    }
    throw error;
  }
  undo.push('endpoint table and firewall', () => {
    const back = goBack();
    for (const id of back.recipients) touched.add(id); // also those that link to it since
    tellFirewall(needs, containerId, back.diff);
  });

  published = true;
  await Promise.all([
    feed.tell(namesAndView(needs, containerId, servers)),
    files.others(recipients, servers).then(() => rows.commit([...touched])),
  ]);
}

/** The row, and what the container is known by. */
function changeTable(needs: ChangeNeeds, { containerId, next, known }: SandboxChange) {
  const { resolution, table } = needs;
  const [previous, previouslyKnown] = [table.sandbox(containerId), resolution.known(containerId)];
  if (known) resolution.remember(known);
  return {
    ...replaceRow(needs, containerId, next),
    goBack: () => {
      if (known && resolution.known(containerId) === known) {
        if (previouslyKnown) resolution.remember(previouslyKnown);
        else resolution.forget(containerId);
      }
      return replaceRow(needs, containerId, previous && rowBefore(previous, next, table.sandbox(containerId)));
    },
  };
}

/** The row as it was, except for what has been noted of the container meanwhile, which no operation undoes. */
function rowBefore(previous: SandboxRecord, next: SandboxRecord, now: SandboxRecord | undefined): SandboxRecord {
  if (!now) return previous;
  const { written, pid, sharers } = now;
  return {
    ...previous,
    written,
    ...(pid === next.pid ? {} : { pid }),
    ...(sharers === undefined || sharers === next.sharers ? {} : { sharers }),
  };
}

/** For what is undone. Throws what fails when all is done; the elements are compared with the table later then. */
function tellFirewall({ steps }: Pick<ChangeNeeds, 'steps'>, containerId: string, diff: FactDiff): void {
  if (isEmptyDiff(diff)) return;
  const { errors } = steps.beginTearDown([{ kind: 'change-elements', diff }, ...flowSteps(diff)]);
  throwCollected(`taking back what the firewall knows of container ${containerId}`, errors);
}

const flowSteps = (diff: FactDiff): Step[] => [...closedHoleSteps(diff), ...openedPortSteps(diff)];

/** Tells the relays of a sandbox whether the kernel forwards its IPv6 ports to it. */
export function noteForwarded({ ports }: Pick<NetworkCore, 'ports'>, { id, sandbox }: SandboxRecord): void {
  ports.setForwarded(
    id,
    sandbox.endpoints.some(({ ipv6, published }) => ipv6 !== '' && published.some((port) => reaches(port, 6))),
  );
}

async function revert(
  needs: ChangeNeeds,
  state: { next: SandboxRecord; touched: ReadonlySet<string>; published: boolean },
): Promise<void> {
  const { feed, files, rows, table } = needs;
  const { containerId } = state.next.sandbox;
  const current = table.sandbox(containerId);
  if (current) noteForwarded(needs, current);
  const servers = feed.hostServers();
  await files.others([...state.touched], servers);
  if (!state.published) return;
  const changes = namesAndView(needs, containerId, servers);
  if (state.next.resolverPort > 0 && !current?.resolverPort) changes.push({ op: 'remove-sandbox', id: state.next.id });
  await Promise.all([feed.tell(changes), rows.commit([...state.touched])]);
}

/** What the resolver has to know of a container now. */
function namesAndView({ feed, table }: ChangeNeeds, containerId: string, servers: () => HostServers): ResolverChange[] {
  const changes = feed.names(containerId);
  const record = table.sandbox(containerId);
  if (record && record.resolverPort > 0) changes.push(feed.view(record, servers));
  return changes;
}
