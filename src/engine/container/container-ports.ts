/**
 * `port add` and `port rm`: published ports of a container that come and go while it runs. What it is to publish is
 * part of its configuration (HostConfig.PortBindings), so that a restart brings it back; of a container that does not
 * run, only that changes.
 */
import { conflict, invalid, notFound } from '../../base/errors.ts';
import { bracketed } from '../../model/addresses.ts';
import type { ContainerRecord } from '../../model/container.ts';
import { formatPort, type PortBindings, type PublishedPort } from '../../model/port.ts';
import {
  namedPublished,
  parseBindings,
  repeatedBindings,
  withBindings,
  withoutBindings,
} from '../../network/ports/port-edit.ts';
import type { LiveNetwork } from '../ports.ts';
import type { EventBus } from '../system/event-bus.ts';
import { publishContainerEvent } from './container-events.ts';
import { isUp } from './container-stop.ts';
import type { ContainerTable } from './container-table.ts';
import type { Held } from './held.ts';
import { isWithoutNetwork, networkModeKind } from './network-mode.ts';
import { saveAfterNetwork } from './save-after-network.ts';
import type { SettleNeeds } from './settle-part.ts';

export type PortNeeds = SettleNeeds & {
  readonly containers: Pick<ContainerTable, 'locked'>;
  readonly network: Pick<LiveNetwork, 'sandbox' | 'request' | 'publish' | 'unpublish'>;
  readonly events: EventBus;
};

export interface PortChange {
  /** Whether it is in effect now; else with the next start. */
  readonly running: boolean;
  readonly ports: readonly PublishedPort[];
}

export function addPorts(needs: PortNeeds, ref: string, bindings: PortBindings): Promise<PortChange> {
  return needs.containers.locked(ref, async (held) => {
    const { id, record } = held;
    checkPublishes(record);
    const wanted = parseBindings(bindings).filter((port) => port.bindings.length > 0);
    if (wanted.length === 0) throw invalid('no ports specified');
    if (!isUp(record)) {
      const present = record.spec.connection.portBindings;
      const [repeated] = repeatedBindings(present, wanted);
      if (repeated !== undefined) throw conflict(`container ${record.name} publishes ${repeated} already`);
      await held.save((now) => withPortBindings(now, withBindings(present, wanted)));
      return { running: false, ports: [] };
    }
    const ports = await needs.network.publish(id, wanted);
    await saveAsNetwork(needs, held);
    publishContainerEvent(needs.events, record, 'publish', { ports: describePorts(ports) });
    return { running: true, ports };
  });
}

/**
 * A binding without host port or address names whatever is published of its container port. All that is named exists,
 * or nothing is done.
 */
export function removePorts(needs: PortNeeds, ref: string, bindings: PortBindings): Promise<PortChange> {
  return needs.containers.locked(ref, async (held) => {
    const { id, record } = held;
    checkPublishes(record);
    const named = parseBindings(bindings).filter((port) => port.bindings.length > 0);
    if (named.length === 0) throw invalid('no ports specified');
    if (!isUp(record)) {
      const { bindings: left, missing } = withoutBindings(record.spec.connection.portBindings, named);
      refuseMissing(record, missing);
      await held.save((now) => withPortBindings(now, left));
      return { running: false, ports: [] };
    }
    const published = (needs.network.sandbox(id)?.endpoints ?? []).flatMap((endpoint) => endpoint.published);
    const { found, missing } = namedPublished(published, named);
    refuseMissing(record, missing);
    await needs.network.unpublish(id, found);
    await saveAsNetwork(needs, held);
    publishContainerEvent(needs.events, record, 'unpublish', { ports: describePorts(found) });
    return { running: true, ports: found };
  });
}

function refuseMissing(record: ContainerRecord, missing: readonly string[]): void {
  if (missing.length > 0) throw notFound(`No public port '${missing[0]}' published for ${record.name}`);
}

function checkPublishes(record: ContainerRecord): void {
  const kind = networkModeKind(record.spec.connection.networkMode);
  if (kind === 'container') throw conflict('conflicting options: port publishing and the container type network mode');
  if (kind === 'host')
    throw conflict(
      `container ${record.name} uses the network of the host: its ports are there already, none is published`,
    );
  if (isWithoutNetwork(record.connections))
    throw conflict(`container ${record.name} has no network that ports can be published on`);
  if (record.state.status === 'removing' || record.state.status === 'dead')
    throw conflict(`container ${record.name} is marked for removal`);
}

/** What is to be published as the network has it now. */
async function saveAsNetwork(needs: PortNeeds, held: Held): Promise<void> {
  const portBindings = needs.network.request(held.id)?.portBindings;
  if (portBindings) await saveAfterNetwork(needs, held, (record) => withPortBindings(record, portBindings));
}

export function withPortBindings(record: ContainerRecord, portBindings: PortBindings): ContainerRecord {
  const { spec } = record;
  return { ...record, spec: { ...spec, connection: { ...spec.connection, portBindings } } };
}

/** '0.0.0.0:8080->80/tcp, [::]:8080->80/tcp', as `ps` writes it. */
function describePorts(ports: readonly PublishedPort[]): string {
  return ports.map((port) => `${bracketed(port.hostIp)}:${port.hostPort}->${formatPort(port)}`).join(', ');
}
