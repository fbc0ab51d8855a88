/**
 * Drift: what another program took from the engine is restored. What the watcher found suspect is compared with the
 * endpoint table and repaired. Established connections live on: the kernel tracks them outside of any table.
 */
import { monotonicMs } from '../../../base/clock.ts';
import { errorMessage } from '../../../base/errors.ts';
import { UndoStack } from '../../../base/undo.ts';
import type { Endpoint } from '../../../model/endpoint.ts';
import type { NetworkRecord } from '../../../model/network.ts';
import type { StepRunner } from '../../apply/step-runner.ts';
import { addressedLinks, linkLookup, type AddressedLinks } from '../../host/link-lookup.ts';
import { driverNamed } from '../../plan/drivers/registry.ts';
import { guardedBridge } from '../../plan/network-policy.ts';
import { planRoutes } from '../../plan/routes.ts';
import type { SandboxRecord } from '../../table/sandbox.ts';
import { noteForwarded } from '../change.ts';
import type { ClashNotices } from '../clashes.ts';
import type { NetworkCore } from '../core.ts';
import type { Forwarding } from '../forwarding.ts';
import type { NetworkBuilder } from '../network-builder.ts';
import type { OtherBridges } from '../other-bridges.ts';
import { currentRecords } from '../row.ts';
import { endpointRepair, lossOf, RepairLimit, type EndpointRepair } from './decisions.ts';
import { RepairReport, type RepairListeners } from './report.ts';
import { RuleRepair, type RuleNeeds } from './rule-repair.ts';
import type { Suspects } from './suspects.ts';
import { RETRY_MS, Watcher, type WatchNeeds } from './watcher.ts';
import { WayRepair } from './way-repair.ts';

/** What is repaired itself. */
interface HostNeeds extends Pick<NetworkCore, 'busy' | 'facts' | 'log' | 'ports' | 'route' | 'table'> {
  readonly builder: Pick<NetworkBuilder, 'ensure'>;
  readonly clashNotices: ClashNotices;
  readonly forwarding: Pick<Forwarding, 'restore'>;
  readonly otherBridges: OtherBridges;
  readonly steps: Pick<StepRunner, 'run'>;
}

export class Repairer {
  readonly #needs: HostNeeds;
  readonly #report: RepairReport;
  readonly #limit = new RepairLimit(monotonicMs);
  readonly #rules: RuleRepair;
  readonly #way: WayRepair;
  readonly #watcher: Watcher;

  constructor(needs: HostNeeds & RuleNeeds & WatchNeeds, listeners: RepairListeners) {
    this.#needs = needs;
    this.#report = new RepairReport(needs.log, listeners);
    const rules = new RuleRepair(needs, this.#report);
    this.#rules = rules;
    this.#way = new WayRepair(needs, this.#report, this.#limit);
    this.#watcher = new Watcher(needs, {
      check: (suspects) => this.#check(suspects),
      putTableBack: () => rules.putTableBack(),
      rememberUserRules: () => rules.rememberUserRules(),
      prepare: () => rules.prepare(),
      hostAddress: (address) => {
        for (const record of currentRecords(needs, [...needs.ports.holdAgain()])) noteForwarded(needs, record);
        listeners.onHostAddress(address);
      },
    });
  }

  close(): void {
    this.#watcher.close();
  }

  /** At a start: nothing was notified while no daemon ran. One that cannot be restored yet holds up no other. */
  lookAtAllEndpoints(): void {
    const { route, table } = this.#needs;
    const records = table.sandboxes();
    const find = linkLookup(route, records.length);
    for (const record of records) {
      try {
        this.#checkEndpoints([record], find);
      } catch (error) {
        const { containerId } = record.sandbox;
        this.#needs.log.error(
          { container: containerId, error: errorMessage(error) },
          'the interface of a running container cannot be put back yet, which is tried again',
        );
        this.#watcher.suspect({ containers: [containerId] }, RETRY_MS);
      }
    }
  }

  async #check(suspects: Suspects): Promise<void> {
    const { everything } = suspects;
    const { otherBridges, table } = this.#needs;
    if (suspects.others || everything) otherBridges.follow();
    await this.#checkNetworks(suspects.networks || everything ? undefined : suspects.bridges);
    this.#checkEndpoints(everything ? table.sandboxes() : currentRecords(this.#needs, [...suspects.containers]));
    if (suspects.rules) {
      this.#rules.check();
      this.#watcher.prepareSoon();
    }
    // With the table in place.
    if (suspects.clashes || everything) this.#tellClashes();
    if ((suspects.forwarding || everything) && this.#needs.forwarding.restore())
      this.#report.repaired(undefined, 'IP forwarding was turned off and is on again');
    if (suspects.rules || suspects.way || everything) this.#way.check(this.#watcher);
  }

  #tellClashes(): void {
    for (const { network, what } of this.#needs.clashNotices.tellNew()) this.#report.warned(network, what);
  }

  /** `only`: bridges of the networks; undefined: of all. */
  async #checkNetworks(only: ReadonlySet<string> | undefined): Promise<void> {
    const { builder, busy, route, table } = this.#needs;
    const networks = only?.size === 0 ? [] : table.networks().filter(({ bridgeName }) => only?.has(bridgeName) ?? true);
    let host = addressedLinks(route, networks.length);
    for (const network of networks) {
      if (busy.has(network.id)) {
        this.#watcher.suspect({ bridges: [network.bridgeName] }, RETRY_MS);
        continue;
      }
      const missing = this.#lossOf(network, host);
      if (missing && this.#limit.take(`network ${network.id}`)) {
        await builder.ensure(network);
        this.#report.repaired(network, missing);
        host = addressedLinks(route, networks.length);
      }
    }
  }

  #lossOf(network: NetworkRecord, host: AddressedLinks): string | undefined {
    if (guardedBridge(network) === '') return undefined;
    const link = host.find(network.bridgeName);
    return lossOf(
      network.bridgeName,
      link,
      () => host.addresses(link!),
      () => driverNamed(network.driver).createNetwork(network, this.#needs.facts),
    );
  }

  #checkEndpoints(records: readonly SandboxRecord[], find = linkLookup(this.#needs.route, records.length)): void {
    const { busy, table } = this.#needs;
    const bridges = new Map<string, number | undefined>();
    const indexOf = (bridge: string): number | undefined => {
      if (!bridges.has(bridge)) bridges.set(bridge, find(bridge)?.index);
      return bridges.get(bridge);
    };
    for (const record of records) {
      const { containerId, endpoints } = record.sandbox;
      // What is being changed now is looked at again when that is over.
      if (busy.has(containerId)) {
        this.#watcher.suspect({ containers: [containerId] }, RETRY_MS);
        continue;
      }
      for (const endpoint of endpoints) {
        const network = table.network(endpoint.networkId);
        if (!network || endpoint.hostIfname === '') continue;
        const repair = endpointRepair(find(endpoint.hostIfname), indexOf(network.bridgeName), network);
        if (!repair || !this.#limit.take(`endpoint ${endpoint.id}`)) continue;
        this.#repairEndpoint(repair, record, endpoint, network);
        this.#report.repaired(
          network,
          `the interface of container ${record.request.containerName} on network ${network.name} ${repair.what}`,
        );
      }
    }
  }

  #repairEndpoint(repair: EndpointRepair, record: SandboxRecord, endpoint: Endpoint, network: NetworkRecord): void {
    if (repair.kind === 'attach') return this.#attachAgain(record, endpoint, network);
    this.#needs.route.setLink(endpoint.hostIfname, {
      master: network.bridgeName,
      up: true,
      hairpin: endpoint.published.length > 0,
      ...repair.group,
    });
  }

  #attachAgain(record: SandboxRecord, endpoint: Endpoint, network: NetworkRecord): void {
    const { netns, endpoints } = record.sandbox;
    const undo = new UndoStack();
    const steps = [
      ...driverNamed(network.driver).attach({ network, endpoint, netns }, this.#needs.facts),
      ...planRoutes(netns, [], endpoints),
    ];
    try {
      this.#needs.steps.run(steps, undo);
    } catch (error) {
      void undo.unwind();
      throw error;
    }
  }
}
