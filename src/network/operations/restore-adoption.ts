/** Containers that run on while no daemon did: their sandboxes are taken up again, whatever of them can be. */
import { tryAgainLater } from '../../base/again.ts';
import { errorMessage } from '../../base/errors.ts';
import { UndoStack } from '../../base/undo.ts';
import type { Endpoint } from '../../model/endpoint.ts';
import type { StepRunner } from '../apply/step-runner.ts';
import { recallWritten } from '../files/container-files.ts';
import { linkLookup, type FindLink } from '../host/link-lookup.ts';
import { groupChange } from '../plan/port-group.ts';
import { planRoutes } from '../plan/routes.ts';
import { publishedOf } from '../table/published.ts';
import type { SandboxRecord } from '../table/sandbox.ts';
import type { Allocation } from './allocate.ts';
import type { NetworkCore } from './core.ts';

interface AdoptionNeeds extends Pick<
  NetworkCore,
  'announcer' | 'ipam' | 'log' | 'ports' | 'resolution' | 'route' | 'table'
> {
  readonly allocation: Pick<Allocation, 'withEndpoints'>;
  readonly steps: Pick<StepRunner, 'run'>;
}

export class Adoption {
  readonly #needs: AdoptionNeeds;

  constructor(needs: AdoptionNeeds) {
    this.#needs = needs;
  }

  /** A network whose record cannot be read takes its interfaces along, and no other networks. */
  withoutLostNetworks(record: SandboxRecord): SandboxRecord {
    const { table, log } = this.#needs;
    const { netns, endpoints, containerId } = record.sandbox;
    const kept = endpoints.filter(({ networkId }) => table.network(networkId));
    if (kept.length === endpoints.length) return record;
    const lost = endpoints.filter(({ networkId }) => !table.network(networkId)).map(({ networkName }) => networkName);
    log.error(
      { container: containerId, networks: lost },
      'a running container goes on without networks that cannot be restored: restart the container when they are there again',
    );
    try {
      this.#needs.steps.run(planRoutes(netns, endpoints, kept), new UndoStack());
    } catch (error) {
      log.error(
        { container: containerId, error: errorMessage(error) },
        'the default route of a running container that has lost a network',
      );
    }
    return this.#needs.allocation.withEndpoints(record, kept);
  }

  /** All at once: the kernel is asked for their links together. */
  adoptAll(records: readonly SandboxRecord[]): void {
    const count = records.reduce((sum, { sandbox }) => sum + sandbox.endpoints.length, 0);
    const find = linkLookup(this.#needs.route, count);
    for (const record of records) this.#adopt(record, find);
  }

  /**
   * The container runs, and its namespace is there: whatever of it cannot be restored is reported, and no reason to cut
   * off the rest.
   */
  #adopt(record: SandboxRecord, find: FindLink): void {
    const { table, ipam, ports, log } = this.#needs;
    const { sandbox, request } = record;
    for (const endpoint of sandbox.endpoints) {
      for (const [version, address] of [
        [4, endpoint.ipv4],
        [6, endpoint.ipv6],
      ] as const) {
        if (address === '') continue;
        this.#needs.announcer.note(endpoint.networkId, address, endpoint.mac);
        try {
          ipam.take(endpoint.networkId, version, address);
        } catch (error) {
          log.warn(
            { container: sandbox.containerId, address, error: errorMessage(error) },
            'address of a running container',
          );
        }
      }
      this.#joinBridgeSoon(endpoint, sandbox.containerId, find);
    }
    const published = publishedOf(sandbox.endpoints).filter((port) => port.hostPort !== 0);
    const gateway = sandbox.endpoints.find((endpoint) => endpoint.id === sandbox.gatewayEndpointId);
    const owner = {
      containerId: sandbox.containerId,
      containerName: request.containerName,
      sandboxId: sandbox.id,
      ipv4: gateway?.ipv4 ?? '',
      ipv6: gateway?.ipv6 ?? '',
    };
    try {
      for (const lost of ports.adopt(owner, published)) {
        log.warn({ container: sandbox.containerId, port: lost }, 'a published port is held by another program');
      }
    } catch (error) {
      log.error(
        { container: sandbox.containerId, error: errorMessage(error) },
        'the published ports of a running container cannot be held: another program may take them',
      );
    }
    table.putSandbox(recallWritten(record, log));
    if (!record.parked) this.#needs.resolution.remember(request);
  }

  /** A container that runs does not lose its network because the kernel had no room for the question. */
  #joinBridgeSoon(endpoint: Endpoint, container: string, find: FindLink): void {
    try {
      this.#joinBridge(endpoint, find);
    } catch (error) {
      this.#needs.log.warn(
        { container, link: endpoint.hostIfname, error: errorMessage(error) },
        'the link of a running container cannot be looked at, which is tried again',
      );
      tryAgainLater(
        () => this.#joinBridge(endpoint, linkLookup(this.#needs.route, 1)),
        (last) =>
          this.#needs.log.error(
            { container, link: endpoint.hostIfname, error: errorMessage(last) },
            'the link of a running container cannot be looked at: it may be on no bridge',
          ),
      );
    }
  }

  /** The bridge may have been recreated; its ports are then detached. */
  #joinBridge({ networkId, hostIfname, published }: Endpoint, find: FindLink): void {
    const { table, route } = this.#needs;
    const network = table.network(networkId);
    const bridge = network?.bridgeName;
    const link = bridge && hostIfname !== '' ? find(hostIfname) : undefined;
    if (!bridge || !link) return;
    // Whether the default network keeps its containers apart is in the daemon's configuration, which may be another one
    // now.
    const group = groupChange(link.group, network);
    if (link.masterIndex !== find(bridge)?.index)
      route.setLink(hostIfname, { master: bridge, up: true, hairpin: published.length > 0, ...group });
    else if (group.group !== undefined) route.setLink(hostIfname, group);
  }
}
