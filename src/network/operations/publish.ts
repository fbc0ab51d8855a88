/**
 * Ports of a running container that come and go. Its request is changed together with its ports: a connection that is
 * made later, and a daemon that starts later, know of both.
 */
import { conflict } from '../../base/errors.ts';
import type { UndoStack } from '../../base/undo.ts';
import { publishedKey, type PortBindings, type PublishedPort } from '../../model/port.ts';
import type { StepRunner } from '../apply/step-runner.ts';
import type { Allocation } from './allocate.ts';
import type { ApplyChange } from './change.ts';
import type { NetworkCore } from './core.ts';
import { assignPublished, publishedOf } from '../table/published.ts';
import type { SandboxRecord } from '../table/sandbox.ts';
import { withBindings, withoutPublished } from '../ports/port-edit.ts';
import type { WantedPort } from '../ports/port-request.ts';
import { forgetPublishedSteps, publishSteps } from '../plan/sandbox-steps.ts';

export interface PublishNeeds extends Pick<NetworkCore, 'ports'> {
  readonly allocation: Pick<Allocation, 'publish' | 'withEndpoints'>;
  readonly apply: ApplyChange;
  readonly steps: Pick<StepRunner, 'completeTearDown'>;
}

export async function publishMore(
  needs: PublishNeeds,
  record: SandboxRecord,
  wanted: readonly WantedPort[],
  undo: UndoStack,
): Promise<readonly PublishedPort[]> {
  const { sandbox, request } = record;
  const added = needs.allocation.publish(
    { sandboxId: sandbox.id, request, endpoints: sandbox.endpoints, wanted },
    undo,
  );
  if (added.length === 0)
    throw conflict(`container ${request.containerName} is on no network that ports can be published on`);
  await setPublished(
    needs,
    record,
    { published: [...publishedOf(sandbox.endpoints), ...added], bindings: withBindings(request.portBindings, wanted) },
    undo,
  );
  return added;
}

export async function unpublish(
  needs: PublishNeeds,
  record: SandboxRecord,
  ports: readonly PublishedPort[],
  undo: UndoStack,
): Promise<void> {
  const gone = new Set(ports.map(publishedKey));
  const published = publishedOf(record.sandbox.endpoints);
  const rest = published.filter((port) => !gone.has(publishedKey(port)));
  const removed = published.filter((port) => gone.has(publishedKey(port)));
  await setPublished(
    needs,
    record,
    { published: rest, bindings: withoutPublished(record.request.portBindings, removed, rest) },
    undo,
  );
  // The sockets go first: a relay ends its connections, and what the kernel forwarded to the container gets no reply.
  undo.release();
  needs.ports.release(record.id, removed);
  await needs.steps.completeTearDown(
    `closing published ports of container ${record.sandbox.containerId}`,
    forgetPublishedSteps(record.sandbox.endpoints, removed),
  );
}

async function setPublished(
  needs: PublishNeeds,
  record: SandboxRecord,
  wanted: { published: readonly PublishedPort[]; bindings: PortBindings },
  undo: UndoStack,
): Promise<void> {
  const { endpoints, containerId } = record.sandbox;
  const next = needs.allocation.withEndpoints(
    { ...record, request: { ...record.request, portBindings: wanted.bindings } },
    assignPublished(endpoints, wanted.published),
  );
  await needs.apply(undo, { containerId, next, steps: publishSteps(endpoints, next.sandbox.endpoints) });
}
