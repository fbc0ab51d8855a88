/** Makes networks: each is whole in kernel, firewall, resolver and store, or not there at all. */
import { forbidden } from '../../base/errors.ts';
import { UndoStack } from '../../base/undo.ts';
import { formatSubnet, subnetsOverlap } from '../../model/addresses.ts';
import { newId } from '../../model/ids.ts';
import type { IpamPool, NetworkRecord, NetworkSpec } from '../../model/network.ts';
import type { StepRunner } from '../apply/step-runner.ts';
import { DEFAULT_SUBNET } from '../host/default-bridge.ts';
import type { HostSubnets } from '../ipam/default-pools.ts';
import { driverNamed } from '../plan/drivers/registry.ts';
import { factsOfNetwork } from '../plan/firewall-facts.ts';
import { hasNames } from '../table/dns-names.ts';
import type { Step } from '../plan/step.ts';
import type { NetworkCore } from './core.ts';
import type { Forwarding } from './forwarding.ts';
import type { ResolverFeed } from './resolver-feed.ts';
import type { SubnetsInUse } from './subnets-in-use.ts';

interface BuilderNeeds extends Pick<NetworkCore, 'busy' | 'facts' | 'ipam' | 'policy' | 'store' | 'table'> {
  readonly feed: Pick<ResolverFeed, 'forgetNetwork' | 'tell' | 'zones'>;
  readonly forwarding: Pick<Forwarding, 'prepareFor'>;
  readonly steps: Pick<StepRunner, 'run'>;
  readonly subnets: SubnetsInUse;
}

export class NetworkBuilder {
  readonly #needs: BuilderNeeds;

  constructor(needs: BuilderNeeds) {
    this.#needs = needs;
  }

  /** One that a user asks for. */
  create(spec: NetworkSpec): Promise<NetworkRecord> {
    return this.#build(spec, newId(), false);
  }

  /** The default bridge as the configuration has it now, under the id that it always had. */
  async establish(spec: NetworkSpec, previous: NetworkRecord | undefined): Promise<NetworkRecord> {
    driverNamed(spec.driver).check(spec, this.#needs.facts, []);
    return this.#build(spec, previous?.id ?? newId(), true, previous);
  }

  /** The kernel's side of a network that is known already; repeatable. */
  async ensure(network: NetworkRecord): Promise<void> {
    if (network.configOnly) return;
    const { facts, forwarding, steps } = this.#needs;
    await forwarding.prepareFor(network);
    steps.run(driverNamed(network.driver).createNetwork(network, facts), new UndoStack());
  }

  async #build(spec: NetworkSpec, id: string, predefined: boolean, previous?: NetworkRecord): Promise<NetworkRecord> {
    const { busy, facts, feed, forwarding, ipam, policy, steps, store, subnets, table } = this.#needs;
    return busy.change(id, { what: 'undoing a failed network creation' }, async (undo) => {
      const driver = driverNamed(spec.driver);
      const inUse = subnets({ withoutOwn: predefined });
      const earlier =
        previous && previous.pools.length > 0 ? previous.pools : predefined ? this.#usualPools(inUse) : [];
      const record: NetworkRecord = {
        ...spec,
        driver: driver.name,
        scope: 'local',
        id,
        createdAt: previous?.createdAt ?? new Date().toISOString(),
        pools: ipam.choosePools(spec, inUse, earlier),
        bridgeName: driver.hostLink(spec, id),
        predefined,
      };
      this.#refuseSameBridge(record);
      // Taken before anything is awaited: another network created now must not choose the same.
      ipam.open(record);
      undo.push('address pools', () => ipam.close(id));
      table.putNetwork(record);
      undo.push('network table', () => (table.removeNetwork(id), feed.forgetNetwork(id)));
      await forwarding.prepareFor(record);
      steps.run(driver.createNetwork(record, facts, previous), undo);
      // At start the whole table is written at once, and the default network is only one part of it.
      if (!predefined) {
        const add = factsOfNetwork(record, policy);
        if (add.length > 0) {
          steps.run([{ kind: 'change-elements', diff: { add, remove: [] } }], undo);
          const back: Step = { kind: 'change-elements', diff: { add: [], remove: add } };
          undo.push('firewall elements', () => steps.run([back], new UndoStack()));
        }
      }
      if (hasNames(record)) undo.push('resolver', () => feed.tell([{ op: 'remove-network', id }]));
      await Promise.all([
        hasNames(record) ? feed.tell(feed.zones([id])) : undefined,
        store.commit({ putNetworks: [record] }),
      ]);
      return record;
    });
  }

  /** What the default network has where nothing is configured and no other engine is there. */
  #usualPools({ own, routed }: HostSubnets): IpamPool[] {
    const subnet = formatSubnet(DEFAULT_SUBNET);
    if (!this.#needs.ipam.offers(subnet)) return []; // --default-address-pool is for it too
    if ([...own, ...routed].some((one) => subnetsOverlap(one, DEFAULT_SUBNET))) return [];
    return [{ subnet, ipRange: '', gateway: '', auxAddresses: {} }];
  }

  #refuseSameBridge(record: NetworkRecord): void {
    if (record.bridgeName === '') return;
    const other = this.#needs.table
      .networks()
      .find((network) => network.id !== record.id && network.bridgeName === record.bridgeName);
    if (!other) return;
    throw forbidden(
      `cannot create network ${record.id} (${record.bridgeName}): conflicts with network ${other.id} (${other.bridgeName}): networks have same bridge name`,
    );
  }
}
