/**
 * The end of a container's networking. Where others share its namespace, as a pod's containers do, the namespace is
 * kept for them without an interface: their processes cannot be moved to another one, and the container comes back into
 * it.
 */
import { throwCollected } from '../../base/errors.ts';
import type { StepRunner } from '../apply/step-runner.ts';
import type { Allocation } from './allocate.ts';
import type { ResolverChange } from '../../base/dns-zone.ts';
import type { NetworkCore } from './core.ts';
import { isEmptyDiff } from '../firewall/facts/diff.ts';
import type { SandboxRecord } from '../table/sandbox.ts';
import type { Step } from '../plan/step.ts';
import type { FileRefresh } from './refresh-files.ts';
import type { ResolverFeed } from './resolver-feed.ts';
import { leaveSteps } from '../plan/sandbox-steps.ts';
import { replaceRow } from './row.ts';

interface LeaveNeeds extends Pick<NetworkCore, 'pendingRemovals' | 'policy' | 'ports' | 'rows' | 'table'> {
  readonly allocation: Pick<Allocation, 'releaseAddresses'>;
  readonly feed: Pick<ResolverFeed, 'hostServers' | 'names' | 'tell' | 'view'>;
  readonly files: FileRefresh;
  readonly steps: Pick<StepRunner, 'beginTearDown'>;
}

export type Leave = (record: SandboxRecord, how: { park: boolean }) => Promise<void>;

/**
 * Takes all of it down, whatever fails on the way. `park`: the namespace, its resolver and the files of those that
 * share it stay.
 */
export async function leaveSandbox(
  needs: LeaveNeeds,
  record: SandboxRecord,
  { park }: { park: boolean },
): Promise<void> {
  const { allocation, feed, files, pendingRemovals, ports, rows, steps, table } = needs;
  const { sandbox } = record;
  const { containerId } = sandbox;
  const { recipients, diff } = replaceRow(needs, containerId, park ? parked(record) : undefined);
  const errors: unknown[] = [];
  const servers = feed.hostServers();
  try {
    files.one(containerId, servers); // of those that share its namespace; nothing where it goes too
  } catch (error) {
    errors.push(error);
  }
  const changes: ResolverChange[] = feed.names(containerId);
  const kept = table.sandbox(containerId);
  if (kept && kept.resolverPort > 0) {
    try {
      changes.push(feed.view(kept, servers));
    } catch (error) {
      errors.push(error);
    }
  } else if (record.resolverPort > 0) changes.push({ op: 'remove-sandbox', id: sandbox.id });
  // The resolver and the store work while the kernel does.
  const refreshed = recipients.length > 0 ? files.others(recipients, servers) : undefined;
  const commit = () => rows.commit([containerId, ...recipients]);
  const pending = [feed.tell(changes), refreshed ? refreshed.then(commit) : commit()].map((work) =>
    Promise.resolve(work).catch((error: unknown) => void errors.push(error)),
  );

  const elements: Step[] = isEmptyDiff(diff) ? [] : [{ kind: 'change-elements', diff }];
  const tearDown = steps.beginTearDown([...elements, ...leaveSteps(record, table, { park })]);
  errors.push(...tearDown.errors);
  pendingRemovals.add(sandbox.endpoints, tearDown.settled);
  // No other container gets the addresses while files of others refer to them.
  await refreshed;
  ports.release(sandbox.id);
  allocation.releaseAddresses(sandbox.endpoints);
  await Promise.all(pending);
  throwCollected(`taking down the network of container ${containerId}`, errors);
}

function parked(record: SandboxRecord): SandboxRecord {
  return {
    ...record,
    parked: true,
    pid: 0,
    request: { ...record.request, connections: [], links: [] },
    sandbox: { ...record.sandbox, endpoints: [], gatewayEndpointId: '' },
  };
}
