/**
 * Ports of a running container that come and go. Its request is changed together with its ports: a connection that is
 * made later, and a daemon that starts later, know of both.
 */
import { conflict } from '../../base/errors.ts';
import type { UndoStack } from '../../base/undo.ts';
import { publishedKey, type PublishedPort } from '../../model/port.ts';
import { publishPorts, withEndpoints } from './allocate.ts';
import { applyChange, completeTearDown } from './change.ts';
import type { NetworkCore } from './core.ts';
import { assignPublished, publishedOf } from '../table/published.ts';
import type { SandboxRecord } from '../table/sandbox.ts';
import { withBindings, withoutPublished, type PortBindings } from '../ports/port-edit.ts';
import type { WantedPort } from '../ports/port-request.ts';
import { forgetPublishedSteps, publishSteps } from '../plan/sandbox-steps.ts';

export async function publishMore(
  core: NetworkCore,
  record: SandboxRecord,
  wanted: readonly WantedPort[],
  undo: UndoStack,
): Promise<readonly PublishedPort[]> {
  const { sandbox, request } = record;
  const added = publishPorts(core, { sandboxId: sandbox.id, request, endpoints: sandbox.endpoints, wanted }, undo);
  if (added.length === 0)
    throw conflict(`container ${request.containerName} is on no network that ports can be published on`);
  await setPublished(
    core,
    record,
    { published: [...publishedOf(sandbox.endpoints), ...added], bindings: withBindings(request.portBindings, wanted) },
    undo,
  );
  return added;
}

export async function unpublish(
  core: NetworkCore,
  record: SandboxRecord,
  ports: readonly PublishedPort[],
  undo: UndoStack,
): Promise<void> {
  const gone = new Set(ports.map(publishedKey));
  const published = publishedOf(record.sandbox.endpoints);
  const rest = published.filter((port) => !gone.has(publishedKey(port)));
  const removed = published.filter((port) => gone.has(publishedKey(port)));
  await setPublished(
    core,
    record,
    { published: rest, bindings: withoutPublished(record.request.portBindings, removed, rest) },
    undo,
  );
  // The sockets go first: a relay ends its connections, and what the kernel forwarded to the container gets no reply.
  undo.release();
  core.ports.release(record.id, removed);
  await completeTearDown(
    core,
    `closing published ports of container ${record.sandbox.containerId}`,
    forgetPublishedSteps(record.sandbox.endpoints, removed),
  );
}

async function setPublished(
  core: NetworkCore,
  record: SandboxRecord,
  wanted: { published: readonly PublishedPort[]; bindings: PortBindings },
  undo: UndoStack,
): Promise<void> {
  const { endpoints, containerId } = record.sandbox;
  const next = withEndpoints(
    core,
    { ...record, request: { ...record.request, portBindings: wanted.bindings } },
    assignPublished(endpoints, wanted.published),
  );
  await applyChange(core, undo, { containerId, next, steps: publishSteps(endpoints, next.sandbox.endpoints) });
}
