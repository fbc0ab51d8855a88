/**
 * The end of a container's networking. Where others share its namespace, as a pod's containers do, the namespace is
 * kept for them without an interface: their processes cannot be moved to another one, and the container comes back into
 * it.
 */
import { throwCollected } from '../../base/errors.ts';
import { releaseAddresses } from './allocate.ts';
import { beginTearDown, currentRecords, factsAround, viewChange } from './change.ts';
import type { ResolverChange } from '../../base/dns-zone.ts';
import type { NetworkCore } from './core.ts';
import { diffFacts, isEmptyDiff } from '../firewall/facts/diff.ts';
import { recipientsOf } from '../plan/linked-sources.ts';
import type { SandboxRecord } from '../table/sandbox.ts';
import type { Step } from '../plan/step.ts';
import { refreshFiles, refreshOthers } from './refresh-files.ts';
import { leaveSteps } from '../plan/sandbox-steps.ts';

/**
 * Takes all of it down, whatever fails on the way. `park`: the namespace, its resolver and the files of those that
 * share it stay.
 */
export async function leaveSandbox(
  core: NetworkCore,
  record: SandboxRecord,
  { park }: { park: boolean },
): Promise<void> {
  const { table, resolver, resolution, store, ports, pendingRemovals } = core;
  const { sandbox } = record;
  const { containerId } = sandbox;
  const recipients = recipientsOf(
    containerId,
    sandbox.endpoints.map((endpoint) => endpoint.networkId),
    table,
  );
  const before = factsAround(core, [containerId, ...recipients]);
  if (park) table.putSandbox(parked(record));
  else table.removeSandbox(containerId);
  const errors: unknown[] = [];
  try {
    refreshFiles(core, containerId); // of those that share its namespace; nothing where it goes too
  } catch (error) {
    errors.push(error);
  }
  const changes: ResolverChange[] = resolution.containerChanges(containerId);
  const kept = table.sandbox(containerId);
  if (kept && kept.resolverPort > 0) {
    try {
      changes.push(viewChange(core, kept));
    } catch (error) {
      errors.push(error);
    }
  } else if (record.resolverPort > 0) changes.push({ op: 'remove-sandbox', id: sandbox.id });
  // The resolver and the store work while the kernel does.
  const refreshed = recipients.length > 0 ? refreshOthers(core, recipients) : undefined;
  const commit = () =>
    store.commit({
      removeSandboxes: kept ? [] : [containerId],
      putSandboxes: currentRecords(core, kept ? [containerId, ...recipients] : recipients),
    });
  const pending = [
    changes.length > 0 ? resolver.apply(changes) : undefined,
    refreshed ? refreshed.then(commit) : commit(),
  ].map((work) => Promise.resolve(work).catch((error: unknown) => void errors.push(error)));

  const diff = diffFacts(before, factsAround(core, recipients));
  const steps: Step[] = [];
  if (!isEmptyDiff(diff)) steps.push({ kind: 'change-elements', diff });
  const tearDown = beginTearDown(core, [...steps, ...leaveSteps(record, table, { park })]);
  errors.push(...tearDown.errors);
  pendingRemovals.add(sandbox.endpoints, tearDown.settled);
  // No other container gets the addresses while files of others refer to them.
  await refreshed;
  ports.release(sandbox.id);
  releaseAddresses(core, sandbox.endpoints);
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
