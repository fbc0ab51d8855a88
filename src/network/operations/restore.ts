/**
 * Start: the store and the kernel's state are reconciled. Sandboxes of live containers are adopted and put
 * right, everything else of the engine's that has no owner is removed.
 */
import { errorMessage } from '../../base/errors.ts';
import type { StepRunner } from '../apply/step-runner.ts';
import { desiredElements } from '../plan/firewall-facts.ts';
import { isDefaultBridge } from '../plan/network-policy.ts';
import { leaveSteps } from '../plan/sandbox-steps.ts';
import type { SandboxRecord } from '../table/sandbox.ts';
import { noteForwarded } from './change.ts';
import type { ClashNotices } from './clashes.ts';
import type { NetworkCore } from './core.ts';
import type { Forwarding } from './forwarding.ts';
import type { NetworkBuilder } from './network-builder.ts';
import type { OtherBridges } from './other-bridges.ts';
import { hasNamespace } from './recalled.ts';
import type { FileRefresh } from './refresh-files.ts';
import type { ResolverFeed } from './resolver-feed.ts';
import type { Adoption } from './restore-adoption.ts';
import type { PredefinedNetworks } from './restore-predefined.ts';

export interface RestoreNeeds extends Pick<
  NetworkCore,
  'firewall' | 'ipam' | 'log' | 'policy' | 'ports' | 'recalled' | 'rows' | 'store' | 'table'
> {
  readonly steps: Pick<StepRunner, 'tearDown'>;
  readonly files: Pick<FileRefresh, 'others'>;
  readonly feed: Pick<ResolverFeed, 'tell'>;
}

/** What a start is made of. */
export interface RestoreParts {
  readonly forwarding: Pick<Forwarding, 'recall' | 'carryOut'>;
  readonly predefined: PredefinedNetworks;
  readonly builder: Pick<NetworkBuilder, 'ensure'>;
  readonly adoption: Adoption;
  readonly removeOrphans: () => Promise<void>;
  readonly otherBridges: Pick<OtherBridges, 'notePolicy'>;
  readonly clashNotices: ClashNotices;
}

/** `live`: containers whose sandbox stays. */
export async function restore(needs: RestoreNeeds, parts: RestoreParts, live: ReadonlySet<string>): Promise<void> {
  const { feed, files, firewall, log, recalled, rows, table } = needs;
  const stored = recalled.stored();
  openStored(needs, stored);
  parts.forwarding.recall();
  await parts.predefined.establish(stored, live);
  for (const network of table.networks()) {
    if (network.predefined) continue;
    await parts.builder
      .ensure(network)
      .catch((error: unknown) => log.error({ error: errorMessage(error) }, `restoring network ${network.name}`));
  }
  const adopted: SandboxRecord[] = [];
  const dead: SandboxRecord[] = [];
  for (const record of stored.sandboxes) {
    if (live.has(record.sandbox.containerId) && hasNamespace(record))
      adopted.push(parts.adoption.withoutLostNetworks(record));
    else dead.push(record);
  }
  parts.adoption.adoptAll(adopted);
  await Promise.all(dead.map((record) => takeDown(needs, record)));
  await parts.removeOrphans();
  parts.otherBridges.notePolicy();
  firewall.install(desiredElements(table, needs.policy));
  parts.forwarding.carryOut();
  parts.clashNotices.tellNew();
  for (const record of adopted) noteForwarded(needs, record);
  const ids = adopted.map((record) => record.sandbox.containerId);
  await files.others(ids);
  await rows.commit([...dead.map((record) => record.sandbox.containerId), ...ids]);
  await feed.tell(
    dead.filter((record) => record.resolverPort > 0).map((record) => ({ op: 'remove-sandbox', id: record.id })),
  );
}

function openStored(
  { ipam, log, table }: Pick<RestoreNeeds, 'ipam' | 'log' | 'table'>,
  { networks }: ReturnType<NetworkCore['store']['load']>,
): void {
  for (const network of networks) {
    if (isDefaultBridge(network)) continue; // recreated from the configuration
    try {
      ipam.open(network);
      table.putNetwork(network);
    } catch (error) {
      log.error(
        { network: network.name, id: network.id, error: errorMessage(error) },
        'a network cannot be restored: it is left out, and what was connected to it goes on without',
      );
    }
  }
}

async function takeDown({ log, steps, table }: RestoreNeeds, record: SandboxRecord): Promise<void> {
  for (const error of await steps.tearDown(leaveSteps(record, table)))
    log.warn({ error: errorMessage(error) }, `removing sandbox of container ${record.sandbox.containerId}`);
}
